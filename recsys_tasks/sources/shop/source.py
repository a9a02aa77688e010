"""The simulated shop: files as a real shop would deliver them, and a closed loop through its lists.

`<home>/shop/events/<day>.parquet`, `items.parquet` and `users.parquet` are read by the pipeline
like any other files. Everything follows from the seed, the day and the lists shown on that day.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsys_tasks.clock import parse_day, start_of
from recsys_tasks.config import Config
from recsys_tasks.errors import ConfigError, DataError
from recsys_tasks.sources.files.places import LocalFiles
from recsys_tasks.sources.files.reader import FileReader
from recsys_tasks.sources.kinds.shop import ShopSource
from recsys_tasks.sources.shop.catalogue import Catalogue, make_catalogue
from recsys_tasks.sources.shop.faults import break_rows
from recsys_tasks.sources.shop.sessions import Day, Ints, simulate_sessions
from recsys_tasks.sources.shop.users import People, make_people
from recsys_tasks.sources.tables import TableName

_EVENTS = ("view", "cart", "purchase")
_RECENT_DAYS = 14


class Shop:
    """Simulates days and writes them below `home/shop`."""

    def __init__(self, source: ShopSource, home: Path) -> None:
        self.source = source
        self.folder = home / "shop"
        self.first_day = parse_day(source.first_day)
        self._days: dict[date, Day] = {}

    @cached_property
    def catalogue(self) -> Catalogue:
        """The items, all of them, launched or not."""
        return make_catalogue(self.source.seed, self.source.items, self.first_day)

    @cached_property
    def people(self) -> People:
        """The users, all of them, joined or not."""
        return make_people(self.source.seed, self.source.users, self.first_day, self.catalogue)

    @property
    def last_day(self) -> date | None:
        """The newest simulated day, or None before the first."""
        days = sorted(path.stem for path in (self.folder / "events").glob("*.parquet"))
        return parse_day(days[-1]) if days else None

    def simulate(self, until: date) -> None:
        """Every missing day before `until`, without lists. Raises ConfigError when there is none to
        make.
        """
        if until <= self.first_day:
            raise ConfigError(
                expected=f"a night after the shop's first day, {self.first_day}",
                found=str(until),
                where="source.first_day",
                remedy="ask for a later night, or move source.first_day back",
            )
        days = [self.first_day + timedelta(days=n) for n in range((until - self.first_day).days)]
        missing = [day for day in days if not self._file(day).exists()]
        for day in missing:
            self._simulate_events(day, {})
        if missing:
            self._write_tables()

    def simulate_day(self, day: date, published: Mapping[str, Sequence[str]]) -> None:
        """One day on which each user of `published` is shown that list of item ids, best first.

        A day that is there already is made anew. Days before it must be there.
        """
        if day > self.first_day:
            self.simulate(day)
        users = {name: row for row, name in enumerate(self.people.ids)}
        items = {name: row for row, name in enumerate(self.catalogue.ids)}
        listed = {
            users[user]: np.array([items[i] for i in shown if i in items], np.int64)
            for user, shown in published.items()
            if user in users
        }
        self._simulate_events(day, listed)
        self._aside(day).unlink(missing_ok=True)
        self._write_tables()

    def write_bad_batch(self, day: date) -> None:
        """Replace a day's file by a broken delivery; the good one is kept aside."""
        if not self._file(day).exists():
            self.simulate_day(day, {})
        if not self._aside(day).exists():
            self._aside(day).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._file(day), self._aside(day))
        _write(break_rows(pq.read_table(self._aside(day)), self.source.seed), self._file(day))

    def write_corrected_batch(self, day: date) -> None:
        """Deliver the day's good file again. Raises DataError when none was kept aside."""
        if not self._aside(day).exists():
            raise DataError(
                expected=f"a good batch of {day} kept aside",
                found="none",
                where=str(self._aside(day)),
                remedy="the day was never broken; simulate it anew if its file is wrong",
            )
        _write(pq.read_table(self._aside(day)), self._file(day))
        self._aside(day).unlink()

    def _file(self, day: date) -> Path:
        return self.folder / "events" / f"{day}.parquet"

    def _aside(self, day: date) -> Path:
        return self.folder / "aside" / f"{day}.parquet"

    def _simulate_events(self, day: date, listed: Mapping[int, Ints]) -> None:
        before = [day - timedelta(days=n) for n in range(_RECENT_DAYS, 0, -1)]
        none = np.zeros(0, np.int64)
        nothing = Day(none, none, none, none, np.zeros(0))
        made = simulate_sessions(
            self.catalogue,
            self.people,
            day,
            seed=self.source.seed,
            sessions_per_user_day=self.source.sessions_per_user_day,
            recent=Day.joined([nothing, *(self._day(d) for d in before if self._file(d).exists())]),
            listed=listed,
        )
        self._days[day] = made
        self._days = {
            d: kept for d, kept in self._days.items() if d >= day - timedelta(days=_RECENT_DAYS)
        }
        table = pa.table(
            {
                "user_id": pa.array(self.people.ids[made.user], pa.string()),
                "item_id": pa.array(self.catalogue.ids[made.item], pa.string()),
                "timestamp": pa.array(made.ts, pa.int64()),
                "event": pa.array(np.array(_EVENTS, object)[made.event], pa.string()),
                "price": pa.array(made.price, pa.float64()),
            }
        )
        _write(table, self._file(day))

    def _day(self, day: date) -> Day:
        """A simulated day, read back from its good file when another process made it."""
        if day not in self._days:
            path = self._aside(day) if self._aside(day).exists() else self._file(day)
            column = {
                n: c.to_numpy(zero_copy_only=False)
                for n, c in _columns(pq.read_table(path)).items()
            }
            self._days[day] = Day(
                user=np.array([int(name[1:]) for name in column["user_id"]], np.int64),
                item=np.array([int(name[1:]) for name in column["item_id"]], np.int64),
                ts=column["timestamp"],
                event=np.array([_EVENTS.index(name) for name in column["event"]], np.int64),
                price=column["price"],
            )
        return self._days[day]

    def _write_tables(self) -> None:
        """Items and users as they stand after the newest simulated day."""
        today = self.last_day
        assert today is not None
        _write(self.catalogue.table(today), self.folder / "items.parquet")
        _write(self.people.table(today), self.folder / "users.parquet")


class ShopReader(FileReader):
    """The simulated shop's files, made when a night first asks for them."""

    def __init__(self, config: Config, settings: ShopSource, home: Path) -> None:
        self.shop = Shop(settings, home)
        folder = self.shop.folder
        paths: dict[TableName, str] = {
            "events": "events",
            "items": "items.parquet",
            "users": "users.parquet",
        }
        super().__init__(config, {t: LocalFiles(folder / name) for t, name in paths.items()})

    def prepare(self, before: date) -> None:
        """Simulate the history before a night when the shop has no days at all."""
        super().prepare(before)
        if self.shop.last_day is None:
            self.shop.simulate(before)

    def count_future(self, now: datetime) -> int:
        """Rows later than `now`, under a simulated clock too: the shop has none but bad ones."""
        return self.count_after(int(now.timestamp()) + 1)

    def count_after(self, seconds: int) -> int:
        """Rows later than a second; under a simulated clock also later than the shop's newest day.

        An older night is rerun while later days exist: those are no rows from the future.
        """
        last = self.shop.last_day
        if self.config.clock == "simulated" and last is not None:
            seconds = max(seconds, start_of(last + timedelta(days=1)))
        return super().count_after(seconds)

    def items_as_of(self, now: datetime) -> date | None:
        """The morning after the newest simulated day, whatever the clock says."""
        last = self.shop.last_day
        return None if last is None else last + timedelta(days=1)


def _columns(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    return {name: table[name] for name in table.column_names}


def _write(table: pa.Table, path: Path) -> None:
    """Readers see the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.tmp")
    pq.write_table(table, draft)
    draft.replace(path)
