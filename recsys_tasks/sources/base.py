"""What the pipeline asks of a shop's data, wherever it lives.

A `Source` is a kind of place (files, a warehouse): a name, the model of its settings, what can be
said of them, and how it is opened. What it opens is a `Reader`, which a night reads rows from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from recsys_tasks.config import Config
from recsys_tasks.config.source import SOURCES, SourceSettings

if TYPE_CHECKING:
    import pyarrow as pa


class Source(Protocol):
    """An extension point: one that is `SOURCE` in a module of `recsys_tasks.sources.kinds`, or
    whose entry point is in the group `nightshelf.sources`, can be named as `source.kind`.
    """

    @property
    def name(self) -> str:
        """Its `source.kind`."""

    @property
    def settings(self) -> type[SourceSettings]:
        """The model of `source` in the settings file; `recsys config check` checks by it."""

    def describe(self, settings: Any) -> str:
        """The settings in a line of words, for `recsys config check`."""

    def has_users_table(self, settings: Any) -> bool:
        """False when users are those seen in the interactions."""

    def open(self, config: Config, settings: Any, home: Path) -> Reader:
        """A reader; `home` is where a source may keep files. Raises ConfigError."""

    def examine(self, config: Config, settings: Any) -> Iterable[tuple[bool, str]]:
        """Findings of `recsys doctor`: whether all is well, and what was found, with the remedy."""


class Reader(Protocol):
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

    def read_pieces(self, first: date | None, before: date) -> Iterator[pa.Table]:
        """The rows of `read_events` in pieces of whole days, none of a day twice; all rows without
        a readable time are in the first.
        """
        ...

    def close(self) -> None:
        """Called after a night's last read: closes what is open."""
        ...

    def count_future(self, now: datetime) -> int:
        """Rows with a time later than `now`; none where a simulated clock replays a history."""
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

    def repeated_times(self) -> Mapping[str, int]:
        """Times read since `prepare` that occur twice on the clocks of their time zone, by table:
        events, items. Tables without any are left out.
        """
        ...

    def remarks(self) -> Mapping[str, tuple[str, ...]]:
        """What is wrong with what was read so far though each value is of use, in words, by the
        name of the night's check that warns of it (`snapshot/checks/remarks`).
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


def source_of(config: Config) -> Source:
    """The source that the settings name."""
    return cast(Source, SOURCES.get(config.source.kind))


def has_users_table(config: Config) -> bool:
    """False when users are those seen in the interactions."""
    return source_of(config).has_users_table(config.source)


def open_source(config: Config, home: Path) -> Reader:
    """A reader of the source that the settings name, with the rows of a table of impressions among
    those of the interactions; `home` is where the simulated shop keeps its files.
    """
    source = source_of(config)
    reader, apart = source.open(config, config.source, home), config.source.of_impressions
    if apart is None:
        return reader
    from recsys_tasks.sources.showings import WithShowings, showings_config

    shown = showings_config(config, apart)
    placed = shown.events.quantity_column is not None
    return WithShowings(reader, source.open(shown, apart, home), placed)
