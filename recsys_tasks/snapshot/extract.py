"""Read what is new from the shop into the lake: one raw partition a UTC day, versions beside each
other.

The first night reads every day before `as_of`; later nights read the new days and a lookback for
late or corrected rows. Rows that came later than that are counted and told, not read. Rows at or
after the cutoff are not read, so an older night can be rerun at any time.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recsys_tasks import schema
from recsys_tasks.clock import start_of
from recsys_tasks.config import Config, ExtractConfig, config_hash
from recsys_tasks.errors import NotEnoughData
from recsys_tasks.lake import Artifact, Lake, code_of
from recsys_tasks.snapshot.checks.storable import storable_ids
from recsys_tasks.snapshot.dataset import ITEMS_AS_OF
from recsys_tasks.snapshot.days import read_days, write_day, write_table
from recsys_tasks.snapshot.erased_users import ErasedUsers, read_erased
from recsys_tasks.snapshot.extract_result import ExtractResult, read_extract
from recsys_tasks.snapshot.table_hashes import table_hash
from recsys_tasks.snapshot.undated import FILE as UNDATED_FILE
from recsys_tasks.snapshot.undated import no_times, undated_counts
from recsys_tasks.sources.base import Reader, has_users_table
from recsys_tasks.sources.tables import rows_of_ids


def extract(
    config: Config, lake: Lake, source: Reader, as_of: date, now: datetime
) -> ExtractResult:
    """Bring the lake up to the start of `as_of`; a no-op when the source has not changed since.

    `now` is the time against which rows count as later than now. Raises SchemaError when a declared
    column is missing, NotEnoughData when there is no row before `as_of`.
    """
    source.prepare(as_of)
    settings = _settings(config)
    last = lake.newest("extract", as_of.isoformat())
    fingerprint, future = source.fingerprint(), source.count_future(now)
    if last is not None and _same_inputs(last, fingerprint, settings, future):
        kept = read_extract(last)
        if lake.has((*kept.parts.values(), kept.users, kept.items)):
            return kept
    whole = config.extract.delivery == "full"
    base = _base(lake, as_of, settings if whole else None)
    first = _first_day(config, lake, base, settings) if base else None
    gone = read_erased(lake)
    known = _known(config, lake, base, None if whole else last)
    added_to = known if config.extract.delivery == "delta" else {}
    read = read_days(lake, source, gone, first, as_of, added_to)
    users, _ = gone.without(_users(config, source, read.users))
    earlier = [base, None if whole or last is None else read_extract(last)]
    items = _items(config, lake, source, read.items, [one.items for one in earlier if one])
    before = {**known, **(read_extract(last).parts if last else {})}
    # a known day of the window without rows has lost them all: that is a change, too, of a source
    # that has all days
    window = [day for day in before if first is None or day >= first] if whole else []
    lost = [day for day in window if day not in read.days]
    written = {**read.days, **{day: write_day(lake, day, None) for day in lost}}
    later = future if config.clock == "wall" else source.count_after(start_of(as_of))
    undated = read.undated
    if not known and read.rows == undated.num_rows:
        raise no_times(config, undated, as_of) if read.rows else _no_rows(as_of, later)
    parts = known | {day: artifact.reference for day, artifact in written.items()}
    facts: dict[str, Any] = {
        "parts": {day.isoformat(): parts[day] for day in sorted(parts)},
        **_write_entities(lake, as_of, users, items, source.items_as_of(now)),
        "undated_rows": undated.num_rows,
        "undated_why": undated_counts(config, undated, as_of),
        "future_rows": future,
        **_told_of_delivery(lake, source, gone, parts, undated, first),
    }
    changed = [day for day in sorted(written) if day in before and before[day] != parts[day]]
    counts = {
        **_counts(read.days, known, changed),
        "erased_rows": read.erased,
        "later_rows": later,
    }
    return read_extract(_store(lake, as_of, facts, counts, undated, fingerprint, settings))


def _write_entities(
    lake: Lake, as_of: date, users: pa.Table, items: pa.Table, items_of: date | None
) -> dict[str, str]:
    """Store the users and items tables; the references of their artifacts."""
    known = {ITEMS_AS_OF: items_of.isoformat()} if items_of else {}
    return {
        "users": write_table(lake, "raw_users", as_of, "users.parquet", users).reference,
        "items": write_table(lake, "raw_items", as_of, "items.parquet", items, **known).reference,
    }


def _counts(
    by_day: Mapping[date, Artifact], known: Mapping[date, str], changed: Sequence[date]
) -> dict[str, Any]:
    """Days that were read, are new and changed, and the rows read."""
    return {
        "read_days": [day.isoformat() for day in sorted(by_day)],
        "new_days": [day.isoformat() for day in sorted(by_day) if day not in known],
        "changed_days": [day.isoformat() for day in changed],
        "rows": sum(artifact.rows for artifact in by_day.values()),
    }


def _settings(config: Config) -> str:
    """Hash of all that says which rows there are; the plausible range only where it was changed."""
    bounds = (config.extract.earliest_day, config.extract.latest_days)
    changed = bounds != (ExtractConfig().earliest_day, ExtractConfig().latest_days)
    tables = (config.source, config.users, config.items, config.events)
    return config_hash(*tables, *(map(str, bounds) if changed else ()))


def _same_inputs(last: Artifact, fingerprint: str, settings: str, future: int) -> bool:
    inputs = {"source": fingerprint, "future": str(future)}
    same = all(last.facts.get(name) == value for name, value in inputs.items())
    made_of = (last.manifest["config"], last.manifest["code"])
    return same and made_of == (settings, code_of("extract"))


def _known(
    config: Config, lake: Lake, base: ExtractResult | None, last: Artifact | None
) -> dict[date, str]:
    """Day → raw partition that is in the lake already. `last`: an earlier extract of this same
    night, given where the source may no longer have the rows that it had then.
    """
    parts = {**(base.parts if base else {}), **(read_extract(last).parts if last else {})}
    # days before the earliest were kept by code that took any number for a time
    return {d: ref for d, ref in parts.items() if d >= config.extract.earliest_day}


def _first_day(config: Config, lake: Lake, base: ExtractResult, settings: str) -> date | None:
    """First day to read: the lookback's first, or an earlier one whose partition was damaged and
    set aside. None: read all that the source has, because it delivers only new rows, or because the
    base was read under other settings.
    """
    if config.extract.delivery == "delta" or base.artifact.manifest["config"] != settings:
        return None
    lost = [day for day, reference in base.parts.items() if not lake.has([reference])]
    return min([base.as_of - timedelta(days=config.extract.lookback_days), *lost])


def _base(lake: Lake, as_of: date, settings: str | None) -> ExtractResult | None:
    """The newest extract of an earlier night under the same settings (None: under any), unless that
    night's checks refused it.

    An extract that a check refused is no base: days that a broken delivery emptied would stay empty
    once they are older than the lookback.
    """
    for key in reversed([k for k in lake.keys("extract") if k < as_of.isoformat()]):
        artifact = lake.require("extract", key)
        checked = lake.newest("validation", key)
        refused = checked is not None and not checked.facts.get("passed", True)
        alike = settings is None or artifact.manifest["config"] == settings
        if alike and not refused:
            return read_extract(artifact)
    return None


def _told_of_delivery(
    lake: Lake,
    source: Reader,
    gone: ErasedUsers,
    parts: Mapping[date, str],
    undated: pa.Table,
    first: date | None,
) -> dict[str, Any]:
    """What the checks report of a delivery besides its rows: days with late rows, unusable values,
    files that were not read. Only what was found is in it.
    """
    without = (lambda rows: gone.without(rows)[0]) if gone.entries else None
    delivered = source.count_days(first, without) if first else {}
    undated_by_day: Mapping[str, int] = Counter(undated["day"].to_pylist())
    late = {}
    for day, rows in sorted(delivered.items()):
        kept = 0
        if day in parts:
            kept = lake.get(parts[day]).rows - undated_by_day.get(day.isoformat(), 0)
        if rows > kept:
            late[day.isoformat()] = rows - kept
    anomalies = {
        "late": late,
        "odd_values": source.odd_values(),
        "files_passed_over": source.files_passed_over(),
        "repeated_times": source.repeated_times(),
        "remarks": source.remarks(),
    }
    return {name: found for name, found in anomalies.items() if found}


def _users(config: Config, source: Reader, ids: pa.Array) -> pa.Table:
    """The users table; without one, the users of the rows read tonight (not those of later
    days).
    """
    if has_users_table(config):
        return source.read_users()
    ids = ids.filter(storable_ids(ids))  # the others' rows are set aside
    return rows_of_ids(schema.raw_users(config), ids)


def _items(
    config: Config, lake: Lake, source: Reader, ids: pa.Array, known: Sequence[str]
) -> pa.Table:
    """The items table; without one, the items of all rows read so far, for an item that was not
    asked for lately is still one. `known`: references of those that were read before.
    """
    if config.source.has_items_table:
        return source.read_items()
    ids = ids.filter(storable_ids(ids))  # the others' rows are set aside
    for reference in filter(lambda one: lake.has([one]), known):
        before = pq.read_table(lake.get(reference).file("items.parquet"), columns=["item_id"])
        ids = pc.unique(pa.chunked_array([*before["item_id"].chunks, ids], pa.string()))
    return rows_of_ids(schema.raw_items(config), ids)


def _store(
    lake: Lake,
    as_of: date,
    facts: Mapping[str, Any],
    counts: Mapping[str, Any],
    undated: pa.Table,
    fingerprint: str,
    settings: str,
) -> Artifact:
    """Write the result, or return the newest one when it names the same rows."""
    content = hashlib.sha256(
        json.dumps([facts, table_hash(undated)], sort_keys=True).encode()
    ).hexdigest()[:16]
    last = lake.newest("extract", as_of.isoformat())
    if (
        last is not None
        and last.facts["content"] == content
        and last.manifest["config"] == settings
    ):
        return last
    # Not `Lake.make`: only the newest counts, by the rows that it names, whatever code wrote it.
    with lake.writing(
        "extract", as_of.isoformat(), inputs={"content": content}, config=settings
    ) as draft:
        (draft.path / "result.json").write_text(json.dumps({**facts, **counts}, indent=1))
        pq.write_table(undated, draft.path / UNDATED_FILE)
        draft.rows = counts["rows"]
        draft.facts = {
            "content": content,
            "source": fingerprint,
            "future": str(facts["future_rows"]),
            **{name: len(counts[name]) for name in ("read_days", "new_days", "changed_days")},
            "undated_rows": facts["undated_rows"],
        }
    return draft.finished


def _no_rows(as_of: date, later: int) -> NotEnoughData:
    return NotEnoughData(
        expected=f"events before {as_of}",
        found=f"none; {later:,} rows are of this day or later" if later else "none",
        where="source",
        remedy="check the path, the time column and the night's date",
    )
