"""A reader of any source that can give delivered rows as Arrow tables.

A subclass says of which parts each table is delivered (files, partitions, pages; one is enough) and
loads the wanted columns of a part as they were delivered, of any type. What they mean, which rows a
night reads and what of them is no good is the same for all sources, and stands here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks import schema
from recsys_tasks.clock import DAY_SECONDS, day_of, start_of
from recsys_tasks.config import Config
from recsys_tasks.sources.columns import POINTS_ALONE, NumberSigns
from recsys_tasks.sources.contract import (
    Column,
    Contract,
    event_columns,
    item_columns,
    user_columns,
    wanted_columns,
)
from recsys_tasks.sources.delivered import Delivered
from recsys_tasks.sources.noticed.undeclared import Undeclared, tells
from recsys_tasks.sources.times.rule import TimeRule, end_times, event_times

TableName = Literal["events", "items", "users"]


class Window(NamedTuple):
    """Rows that are wanted: seconds of a delivered time column, start included, end not; None: no
    bound. Where `undated` is true, rows whose value is no time under the rule are wanted, too.
    """

    column: str
    start: int | None
    end: int | None
    rule: TimeRule
    undated: bool = True


def rows_of_ids(contract: schema.Table, ids: pa.Array) -> pa.Table:
    """A row of a table of users or items for each id, sorted; the other columns are null."""
    ids = ids.take(pc.sort_indices(ids))
    kinds = contract.schema.types[1:]
    return pa.table([ids, *(pa.nulls(len(ids), kind) for kind in kinds)], schema=contract.schema)


class TableReader(ABC):
    """Implements `sources.base.Reader` but for `fingerprint`.

    For subclasses: `config`; `cutoff`, the night's first second (None before `prepare`);
    `contract`, which makes the contract's columns of delivered ones.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.cutoff: int | None = None
        self._odd = Delivered()
        self._repeated: Counter[str] = Counter()
        self.contract = Contract(config, self._odd)
        self._undeclared = Undeclared()

    @abstractmethod
    def fingerprint(self) -> str:
        """Cheap hash that changes whenever any row may have changed."""

    @abstractmethod
    def parts(self, table: TableName) -> Sequence[str]:
        """Names of what a table is delivered in, for `load` and for messages; oldest first.

        At least one for events; none for items or users where they have no table.
        """

    @abstractmethod
    def load(
        self, table: TableName, part: str, columns: Mapping[str, bool], window: Window | None
    ) -> pa.Table:
        """The named columns of one part, each row as it was delivered.

        A column whose value is True came late: where a part lacks it and a later one has it, it is
        all null; any other that is absent raises SchemaError. Of the events, rows outside the
        window may be left out, which saves time; they are left out afterwards anyway.
        """

    def columns_of(self, table: TableName, part: str) -> Sequence[str]:
        """The columns that a part has, those that no setting names among them; none where that is
        not known before it is read.
        """
        return ()

    def signs_of(self, table: TableName, part: str) -> NumberSigns:
        """How a part of a table writes the numbers that it has as text."""
        return POINTS_ALONE

    def where(self, table: TableName) -> str:
        """The table in messages."""
        return f"source {self.config.source.kind}, {table}"

    def prepare(self, before: date) -> None:
        """What a plausible time is depends on the night."""
        self.cutoff = start_of(before)
        self._repeated.clear()

    def read_events(self, first: date | None, before: date) -> pa.Table:
        """DELIVERED_EVENTS rows of [first, before), and every row without a readable time."""
        start, end = (start_of(first) if first else None), start_of(before)
        columns = event_columns(self.config, self.cutoff)
        tables = [self.read_window(part, columns, start, end) for part in self.parts("events")]
        contract = schema.DELIVERED_EVENTS.schema
        return pa.concat_tables(
            [contract.empty_table(), *(table.select(contract.names) for table in tables)]
        )

    def read_pieces(self, first: date | None, before: date) -> Iterator[pa.Table]:
        """All at once; a source whose history may not fit into memory gives it in pieces."""
        yield self.read_events(first, before)

    def close(self) -> None:  # noqa: B027 - most sources hold nothing open
        """Close what is open."""

    def count_future(self, now: datetime) -> int:
        """Rows later than `now`; none under a simulated clock, whose `now` lies years before the
        delivery's last rows.
        """
        if self.config.clock == "simulated":
            return 0
        return self.count_after(int(now.timestamp()) + 1)

    def count_after(self, seconds: int) -> int:
        """Rows with a time at or after this second."""
        columns = [c for c in event_columns(self.config, self.cutoff) if c.name == "ts"]
        return sum(
            self._rows_in(part, columns, seconds, None, undated=False).num_rows
            for part in self.parts("events")
        )

    def count_days(
        self, before: date, without: Callable[[pa.Table], pa.Table] | None = None
    ) -> dict[date, int]:
        """Rows with a readable time by UTC day, of the days before a date; `without` leaves out
        rows by `user_id`.
        """
        names = ("ts",) if without is None else ("ts", "user_id")
        columns = [c for c in event_columns(self.config, self.cutoff) if c.name in names]
        counts: dict[date, int] = {}
        for part in self.parts("events"):
            table = self._rows_in(part, columns, None, start_of(before), undated=False)
            table = table if without is None else without(table)
            days, rows = np.unique(table["ts"].to_numpy() // DAY_SECONDS, return_counts=True)
            for number, n in zip(days.tolist(), rows.tolist(), strict=True):
                if number < 0:  # no day that a shop has
                    continue
                day = day_of(number * DAY_SECONDS)
                counts[day] = counts.get(day, 0) + n
        return counts

    def odd_values(self) -> Mapping[str, tuple[str, ...]]:
        """The first numbers of each column that are none or out of range, as they were
        delivered.
        """
        return self._odd.quoted()

    def repeated_times(self) -> Mapping[str, int]:
        """Times read since `prepare` that occur twice on the clocks of their zone, by table."""
        return {name: count for name, count in self._repeated.items() if count}

    def remarks(self) -> Mapping[str, tuple[str, ...]]:
        """What is wrong with what was read so far though each value is of use, in words, by the
        name of the check that warns of it.
        """
        found = {
            **self.contract.looks.remarks(self.config),
            **self._undeclared.remarks(self.config),
            **self.contract.dates.remarks(),
        }
        return {name: words for name, words in found.items() if words}

    def files_passed_over(self) -> tuple[str, ...]:
        """Visible files that lie among the data and are not read: none."""
        return ()

    def read_users(self) -> pa.Table:
        """Users as delivered; without a users table, those seen in the events, sorted."""
        contract = schema.raw_users(self.config)
        if self.parts("users"):
            users = self._whole("users", user_columns(self.config))
            return contract.check(users, self.where("users"))
        return self._seen(contract, "user_id")

    def _seen(self, contract: schema.Table, column: str) -> pa.Table:
        """Rows for the ids of a column of the events, sorted; nothing else is known of them."""
        columns = [c for c in event_columns(self.config, self.cutoff) if c.name == column]
        ids = pc.unique(self._whole("events", columns)[column]).drop_null()
        return contract.check(rows_of_ids(contract, ids), self.where("events"))

    def read_items(self) -> pa.Table:
        """Items as delivered; without an items table, those seen in the events, sorted."""
        if not self.parts("items"):
            return self._seen(schema.raw_items(self.config), "item_id")
        columns = item_columns(self.config, self.cutoff)
        items = self._whole("items", columns)
        return schema.raw_items(self.config).check(items, self.where("items"))

    def items_as_of(self, now: datetime) -> date | None:
        """Today; under a simulated clock the items may be those of any later day."""
        return None if self.config.clock == "simulated" else now.astimezone(UTC).date()

    def _whole(self, table: TableName, columns: Sequence[Column]) -> pa.Table:
        return pa.concat_tables(
            [
                self._counted(
                    table,
                    self.contract.read(
                        self._wanted(table, part, columns, None),
                        columns,
                        table,
                        part,
                        self.signs_of(table, part),
                    ),
                )
                for part in self.parts(table)
            ]
        )

    def _wanted(
        self, table: TableName, part: str, columns: Sequence[Column], window: Window | None
    ) -> pa.Table:
        """The columns that are wanted of a part; others are looked at whose names tell."""
        wanted = wanted_columns(columns)
        whole = table != "events" or any(column.name == "event" for column in columns)
        there = self.columns_of(table, part) if whole else ()
        telling = {n: True for n in there if n not in wanted and tells(table, n)}
        delivered = self.load(table, part, wanted | telling, window)
        self.look_at_undeclared(table, delivered, wanted)
        return delivered

    def look_at_undeclared(
        self, table: TableName, rows: pa.Table, wanted: Mapping[str, bool]
    ) -> None:
        """Note what columns say that no setting names; `wanted`: those that one does."""
        further = [n for n in rows.column_names if n not in wanted and tells(table, n)]
        rule = end_times(self.config, self.cutoff)
        self._undeclared.is_dated = self.cutoff is not None
        self._undeclared.note(table, rows.select(further), rule)

    def _counted(self, name: TableName, table: pa.Table) -> pa.Table:
        """A table without its columns of times that occur twice, which are counted."""
        for column in ("ts_repeated", "available_from_repeated"):
            if column in table.column_names:
                self._repeated[name] += pc.sum(table[column]).as_py() or 0
                table = table.drop_columns([column])
        return table

    def read_window(
        self,
        part: str,
        columns: Sequence[Column],
        start: int | None,
        end: int | None,
        undated: bool = True,
    ) -> pa.Table:
        """Contract rows of one part with start <= ts < end, and (`undated`) those without a
        time.
        """
        return self._counted("events", self._rows_in(part, columns, start, end, undated))

    def _rows_in(
        self,
        part: str,
        columns: Sequence[Column],
        start: int | None,
        end: int | None,
        undated: bool,
    ) -> pa.Table:
        ts = next(column.source for column in columns if column.name == "ts")
        window = Window(str(ts), start, end, event_times(self.config, self.cutoff), undated)
        delivered = self._wanted("events", part, columns, window)
        table = self.contract.read(
            delivered, columns, "events", part, self.signs_of("events", part)
        )
        keep = pc.is_null(table["ts"]) if undated else pa.scalar(False)
        inside = pa.scalar(True)
        if start is not None:
            inside = pc.and_(inside, pc.greater_equal(table["ts"], start))
        if end is not None:
            inside = pc.and_(inside, pc.less(table["ts"], end))
        return table.filter(pc.or_kleene(keep, inside))
