"""What the pipeline asks of a shop's data, wherever it lives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from recsys_tasks.config import Config, FilesSource


class Source(Protocol):
    """Rows as the shop delivers them.

    Bad values stay visible for the checks: a time or flag that is missing or no such thing is null,
    and beside it what was delivered (`ts_fault`, `available_from_fault`, `available_fault`: null
    where it is missing or fine); a missing number is null and an unreadable one NaN; a vector of no
    use is null beside its fault; ids are text exactly as written.
    """

    def prepare(self, before: date) -> None:
        """Called once before a night reads: its range of plausible times; the simulated shop makes
        its history.
        """
        ...

    def fingerprint(self) -> str:
        """Cheap hash that changes whenever any row may have changed."""
        ...

    def read_events(self, first: date | None, before: date) -> pa.Table:
        """DELIVERED_EVENTS rows of the UTC days in [first, before), and every row without a
        readable time.

        Raises SchemaError when a declared column is missing.
        """
        ...

    def count_after(self, seconds: int) -> int:
        """Rows with a time at or after this UTC second."""
        ...

    def count_days(
        self, before: date, without: Callable[[pa.Table], pa.Table] | None = None
    ) -> Mapping[date, int]:
        """Rows with a readable time by UTC day, of the days before a date; `without` leaves out
        rows by `user_id`.
        """
        ...

    def odd_values(self) -> Mapping[str, tuple[str, ...]]:
        """Of the columns read so far, by names such as `events.price`: the first numbers of no use,
        as delivered.
        """
        ...

    def files_passed_over(self) -> tuple[str, ...]:
        """Visible files that lie among the data and are not read."""
        ...

    def read_users(self) -> pa.Table:
        """schema.raw_users rows, duplicates and missing ids included."""
        ...

    def read_items(self) -> pa.Table:
        """schema.raw_items rows, duplicates and missing ids included."""
        ...

    def items_as_of(self, now: datetime) -> date | None:
        """UTC day whose state `read_items` gives at this moment; None where it may be that of a
        later day.
        """
        ...


def has_users_table(config: Config) -> bool:
    """False when users are those seen in the interactions."""
    return not (isinstance(config.source, FilesSource) and config.source.users is None)


def open_source(config: Config, home: Path) -> Source:
    """The source that the settings name; `home` is where the simulated shop keeps its files."""
    if isinstance(config.source, FilesSource):
        from recsys_tasks.sources.files.source import open_files

        return open_files(config, config.source)
    from recsys_tasks.sources.shop.source import ShopFiles

    return ShopFiles(config, home)
