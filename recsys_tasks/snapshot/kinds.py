"""Kinds of artifacts from the source's tables up to the snapshot."""

from __future__ import annotations

from recsys_tasks.lake.keys import NameKey, NightKey
from recsys_tasks.lake.kinds import Holding, Kind, Retire

_EXTRACT = ("recsys_tasks.snapshot.extract",)
_FREEZE = ("recsys_tasks.snapshot.freeze",)
_DAY = {"events.parquet": Holding.ROWS, "impressions.parquet": Holding.ROWS_BESIDE}

ERASED = Kind(
    name="erased",
    what="the list of erased users, as salted hashes",
    key=NameKey,
    files={"erased.json": Holding.NOTHING},
    retire=Retire.NEVER,
    made_by=("recsys_tasks.snapshot.erased_users",),
)
RAW_EVENTS = Kind(
    name="raw_events",
    what="one day's events as delivered",
    key=NightKey,
    files=_DAY,
    retire=Retire.NEVER,
    made_by=_EXTRACT,
)
RAW_USERS = Kind(
    name="raw_users",
    what="the users table as delivered",
    key=NightKey,
    files={"users.parquet": Holding.ROWS},
    retire=Retire.NIGHT,
    made_by=_EXTRACT,
)
RAW_ITEMS = Kind(
    name="raw_items",
    what="the items table as delivered",
    key=NightKey,
    files={"items.parquet": Holding.NOTHING},
    retire=Retire.NIGHT,
    made_by=_EXTRACT,
)
EXTRACT = Kind(
    name="extract",
    what="which days and tables a night read, and rows without a time",
    key=NightKey,
    files={"undated.parquet": Holding.ROWS_BESIDE, "result.json": Holding.NOTHING},
    retire=Retire.NIGHT,
    made_by=_EXTRACT,
)
EVENTS = Kind(
    name="events",
    what="one day's clean events by key, its impressions and its negative events",
    key=NightKey,
    files={**_DAY, "negatives.parquet": Holding.ROWS_BESIDE},
    retire=Retire.NEVER,
    made_by=_FREEZE,
)
VALIDATION = Kind(
    name="validation",
    what="what the checks of a night found, with Data Docs",
    key=NightKey,
    files={"report.json": Holding.MENTIONS, "data_docs/*": Holding.MENTIONS},
    retire=Retire.NIGHT,
    made_by=_FREEZE,
)
SNAPSHOT = Kind(
    name="snapshot",
    what="users and items of a night, the days it is made of, rows set aside",
    key=NightKey,
    files={
        "users.parquet": Holding.VALUES,
        "quarantine.parquet": Holding.ROWS_BESIDE,
        "items.parquet": Holding.NOTHING,
        "parts.json": Holding.NOTHING,
        "negatives.json": Holding.NOTHING,
    },
    retire=Retire.NIGHT_OR_GATE,
    made_by=_FREEZE,
    erase_turn=1,  # after events: it counts their rows
)

KINDS = (ERASED, RAW_EVENTS, RAW_USERS, RAW_ITEMS, EXTRACT, EVENTS, VALIDATION, SNAPSHOT)
