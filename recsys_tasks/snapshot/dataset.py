"""An opened snapshot: users, items and events by key; only the days that are asked for are read.

The events of each UTC day are an artifact of their own (`events/<day>`), so that a night writes
only new and changed days. The snapshot lists the artifacts that it is made of.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pandas.api.types import is_numeric_dtype

from recsys_tasks import schema
from recsys_tasks.clock import parse_day, start_of
from recsys_tasks.config import Attribute, Config, NegativeKind, config_hash
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact, Lake
from recsys_tasks.snapshot.day_files import EVENTS_FILE, IMPRESSIONS_FILE, NEGATIVES_FILE
from recsys_tasks.snapshot.events import Events, read_events
from recsys_tasks.snapshot.past_values import with_past_values
from recsys_tasks.snapshot.supplied_vectors import read_vectors
from recsys_tasks.snapshot.table_hashes import extra_hash, table_hash
from recsys_tasks.snapshot.taken_back import Rows, taken_back, without_rows

# fact of a snapshot: UTC day whose state its items table gives, where that is known
ITEMS_AS_OF = "items_as_of"


@dataclass(frozen=True)
class Snapshot:
    """One frozen night: what was known before `as_of`."""

    config: Config
    lake: Lake
    artifact: Artifact
    instead: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """`users`, `items` or `parts` that stand in for those of the files."""
    attributes_of: Artifact | None = field(default=None, repr=False)
    """An earlier night's snapshot whose attributes stand in for this one's; see `known_at`."""

    @property
    def as_of(self) -> date:
        """The night's date; its cutoff is 00:00 UTC of it."""
        return parse_day(self.artifact.key)

    @cached_property
    def users(self) -> pd.DataFrame:
        """Users by key (row number = user_key): user_id and declared attributes."""
        if "users" in self.instead:
            return self.instead["users"]
        table = pq.read_table(self.artifact.file("users.parquet"))
        frame = schema.users(self.config).check(table, self.artifact.where).to_pandas()
        return self._as_then(frame, "users", self.config.users.attributes)

    @cached_property
    def items(self) -> pd.DataFrame:
        """Items by key (row number = item_key): id, title, available_from, available, attributes
        but for vectors.
        """
        if "items" in self.instead:
            return self.instead["items"]
        contract = schema.items(self.config, vectors=False)
        table = pq.read_table(self.artifact.file("items.parquet"), columns=contract.schema.names)
        frame = contract.check(table, self.artifact.where).to_pandas()
        return self._as_then(frame, "items", self.config.items.attributes)

    def _as_then(
        self, frame: pd.DataFrame, entity: str, attributes: Sequence[Attribute]
    ) -> pd.DataFrame:
        if self.attributes_of is None:
            return frame
        return with_past_values(frame, self.attributes_of, entity, attributes)

    def item_vectors(self, attribute: Attribute) -> npt.NDArray[np.float32]:
        """Supplied vectors by item key, `[m, dimensions] float32`; NaN where an item has none.

        All are NaN where the snapshot has no vectors of that name and size: see `under`.
        """
        return read_vectors(self.artifact.file("items.parquet"), attribute, self.n_items)

    def under(self, config: Config) -> Snapshot:
        """The same snapshot with other declared attributes. An attribute that its tables do not
        have, or have with another type, is missing in every row.
        """
        frames = {}
        for name, attributes in (
            ("users", config.users.attributes),
            ("items", config.items.attributes),
        ):
            frame = getattr(self, name)
            fits = {
                a.name: (a.kind == "numeric") == is_numeric_dtype(frame[a.name])
                for a in attributes
                if a.name in frame
            }
            values = [a for a in attributes if a.kind != "vector" and not fits.get(a.name, False)]
            lacking = {a.name: np.nan if a.kind == "numeric" else None for a in values}
            frames[name] = frame.assign(**lacking)
        return replace(self, config=config, instead={**self.instead, **frames})

    @cached_property
    def parts(self) -> Mapping[date, str]:
        """Day → reference of its events artifact, in time order."""
        if "parts" in self.instead:
            return self.instead["parts"]
        raw = json.loads(self.artifact.file("parts.json").read_text())
        return {parse_day(day): raw[day] for day in sorted(raw)}

    @property
    def first_day(self) -> date:
        """First day with events."""
        return min(self.parts)

    @property
    def n_users(self) -> int:
        """User keys run from 0 to n_users - 1."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """Item keys run from 0 to n_items - 1."""
        return len(self.items)

    def event_files(self, since: date | None = None, before: date | None = None) -> list[str]:
        """Parquet files of the days in [since, before), those events among them that a negative one
        took back (`event_tables` is without them).
        """
        return [str(day.file(EVENTS_FILE)) for day in self._days(since, before)]

    def event_tables(
        self, columns: list[str], since: date | None = None, before: date | None = None
    ) -> Iterator[pa.Table]:
        """These EVENTS columns of each day in [since, before), without the events that a negative
        one before `before` took back.
        """
        files = self.event_files(since, before)
        gone = self._taken_back(since, before)
        for number, file in enumerate(files):
            table = pq.read_table(file, columns=columns)
            yield table if gone is None else without_rows(table, gone[number])

    def events(self, since: date | None = None, before: date | None = None) -> Events:
        """Events of the days in [since, before), as arrays, without those that a negative one
        before `before` took back; `before` defaults to as_of.
        """
        files, gone = self.event_files(since, before), self._taken_back(since, before)
        return read_events(files, self.config.event_weights, gone)

    def known_before(self, events: Events, day: date) -> Events:
        """Of `events`, which begin with the first day and reach beyond `day`, those before it, as
        known then: what was taken back since is among them.
        """
        return self.events(before=day) if self.negative_kinds else events.before(start_of(day))

    @property
    def negative_kinds(self) -> tuple[NegativeKind, ...]:
        """Kinds of negative event, by the code of table `negatives`; empty where the shop has
        none.
        """
        return self.config.events.negatives

    def negatives(self, before: date | None = None) -> Iterator[pa.Table]:
        """NEGATIVES rows of each day before `before`, which defaults to as_of."""
        for day in self._days(None, before):
            if NEGATIVES_FILE in day.manifest["files"]:
                yield pq.read_table(day.file(NEGATIVES_FILE))

    def _taken_back(self, since: date | None, before: date | None) -> list[Rows] | None:
        """Of each day in [since, before), the rows that a negative event took back."""
        if not self.negative_kinds:
            return None
        window = since, before or self.as_of
        if window not in self._taken_back_in:
            self._taken_back_in[window] = taken_back(self._days(*window), self.config.events)
        return self._taken_back_in[window]

    @cached_property
    def _taken_back_in(self) -> dict[tuple[date | None, date], list[Rows]]:
        """What was found for windows of days, of which a stage asks several times."""
        return {}

    def _days(self, since: date | None, before: date | None) -> list[Artifact]:
        """The `events` artifacts of the days in [since, before)."""
        return [
            self.lake.get(reference)
            for day, reference in self.parts.items()
            if (since is None or day >= since) and day < (before or self.as_of)
        ]

    def impressions(self, since: date, before: date) -> pa.Table:
        """IMPRESSIONS rows of the days in [since, before)."""
        days = self._days(since, before)
        names = [day for day in days if IMPRESSIONS_FILE in day.manifest["files"]]
        files = [day.file(IMPRESSIONS_FILE) for day in names]
        return pa.concat_tables(
            [schema.IMPRESSIONS.schema.empty_table(), *map(pq.read_table, files)]
        )

    def rows_between(self, since: date | None, before: date) -> int:
        """Number of events of the days in [since, before), from the files' footers, whatever was
        taken back.
        """
        return sum(pq.read_metadata(file).num_rows for file in self.event_files(since, before))

    def existing_items(self, cutoff: int) -> Keys:
        """Keys of the items that exist before a second, `[m] int32`, sorted."""
        keys: Keys = np.flatnonzero(self.items["available_from"].to_numpy() < cutoff).astype(
            np.int32
        )
        return keys


def open_snapshot(config: Config, lake: Lake, as_of: date) -> Snapshot:
    """The newest snapshot of a night. Raises ArtifactError when the night has none."""
    return Snapshot(config, lake, lake.require("snapshot", as_of.isoformat()))


@dataclass(frozen=True)
class SnapshotExtras:
    """Figures and files that are stored with a snapshot besides its tables."""

    facts: Mapping[str, object] = field(default_factory=dict)
    """Figures for the artifact's manifest."""
    files: Mapping[str, pa.Table | str] = field(default_factory=dict)
    """Further files by name: Parquet tables or texts."""


NO_EXTRAS = SnapshotExtras()


def write_snapshot(
    config: Config,
    lake: Lake,
    as_of: date,
    *,
    users: pa.Table,
    items: pa.Table,
    parts: Mapping[date, Artifact],
    extras: SnapshotExtras = NO_EXTRAS,
) -> Snapshot:
    """Store a snapshot made of day artifacts; a no-op when it is stored already.

    `users` and `items` are tables of schema.users and schema.items. Raises SchemaError when they
    are not.
    """
    where = f"snapshot of {as_of}"
    users = schema.users(config).check(users, where).sort_by("user_key")
    items = schema.items(config).check(items, where).sort_by("item_key")
    listed = {
        day.isoformat(): parts[day].reference
        for day in sorted(parts)
        if start_of(day) < start_of(as_of)
    }
    inputs = {
        "users": table_hash(users),
        "items": table_hash(items),
        **{f"events/{day.isoformat()}": parts[day].content for day in parts},
        **{name: extra_hash(extra) for name, extra in extras.files.items()},
    }
    key, settings = as_of.isoformat(), config_hash(config.users, config.items, config.events)
    # Not `Lake.make`: only the newest counts, and an older version that comes back is written
    # again, so that it is the newest.
    newest = lake.newest("snapshot", key)
    if newest is not None and newest.manifest["fingerprint"] == lake.fingerprint(
        "snapshot", key, inputs, settings
    ):
        made = Snapshot(config, lake, newest)
        if lake.has(
            made.parts.values()
        ):  # else a day was damaged, and its new version has another name
            return made
    with lake.writing("snapshot", key, inputs=inputs, config=settings) as draft:
        pq.write_table(users, draft.path / "users.parquet")
        pq.write_table(items, draft.path / "items.parquet")
        (draft.path / "parts.json").write_text(json.dumps(listed, indent=1))
        for name, extra in extras.files.items():
            if isinstance(extra, str):
                (draft.path / name).write_text(extra)
            else:
                pq.write_table(extra, draft.path / name)
        draft.rows = sum(artifact.rows for artifact in parts.values())
        draft.facts = {"users": users.num_rows, "items": items.num_rows, **extras.facts}
    return Snapshot(config, lake, draft.finished)
