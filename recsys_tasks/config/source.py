"""Which source the shop's rows come from, and which of them a night reads.

The settings of each kind of source are checked by the source's own model (`Source.settings` in
`recsys_tasks.sources.base`), which is found by its name: this room is below the sources and imports
none of them.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal, Protocol

from recsys_tasks.config.base import Days, PositiveDays, Section
from recsys_tasks.extensions import ExtensionPoint


class SourceSettings(Section):
    """What the settings of every source have; a source's own model adds its keys."""

    kind: str
    """Name of the source: a built-in one, or one of an installed package."""

    @property
    def connections(self) -> tuple[str, ...]:
        """Airflow's connections that it reads from its environment."""
        return ()

    @property
    def has_items_table(self) -> bool:
        """False when items are those seen in the interactions."""
        return True

    def says_signs(self, table: str) -> bool:
        """Whether nobody has to be asked how the numbers of a table are written: where no setting
        says so, or one does.
        """
        return True

    @property
    def of_impressions(self) -> SourceSettings | None:
        """The same source with the table of impressions in place of the interactions; None where
        impressions have no table of their own.
        """
        return None


class HasSourceSettings(Protocol):
    """What the settings need of a source."""

    @property
    def name(self) -> str:
        """Its `source.kind`."""

    @property
    def settings(self) -> type[SourceSettings]:
        """The model of its settings."""


def _check(source: Any) -> None:
    if not issubclass(source.settings, SourceSettings):
        raise TypeError("its settings are no subclass of recsys_tasks.config.SourceSettings")


SOURCES: ExtensionPoint[HasSourceSettings] = ExtensionPoint(
    what="source",
    group="nightshelf.sources",
    package="recsys_tasks.sources.kinds",
    attribute="SOURCE",
    check=_check,
)
"""Every source, built in or installed, by its `source.kind`."""


def checked_source(given: Any) -> SourceSettings:
    """Settings of a source, checked by the model of their kind.

    Raises ValueError for what is no mapping with a known `kind`, ValidationError for mistakes in
    the settings of the kind, ConfigError for an installed source that cannot be loaded.
    """
    if isinstance(given, SourceSettings):
        return given
    names = SOURCES.known_names()
    known = ", ".join(names)
    if not isinstance(given, dict) or "kind" not in given:
        raise ValueError(f"say where rows come from, e.g. {{kind: files, ...}}; kinds: {known}")
    kind = given["kind"]
    if not isinstance(kind, str) or kind not in names:
        raise ValueError(
            f"{kind!r} is no kind of source that is built in or installed ({known}): correct"
            f" source.kind, or install the package that has it (entry point group {SOURCES.group})"
        )
    return SOURCES.get(kind).settings.model_validate(given)


Delivery = Literal["full", "append", "delta"]


class ExtractConfig(Section):
    """What a night reads anew."""

    lookback_days: Days = 3
    """Days before the newest known one that are read again for late or corrected rows."""
    delivery: Delivery = "full"
    """What the source holds of the interactions. `full`: all of them; a known day without its rows
    is a fault. `append`: all since some day, older ones are gone; they are kept. `delta`: only what
    is new, rows of earlier days among it; each is added to its day. Items and users are whole."""
    earliest_day: date = date(1990, 1, 1)
    """Rows before this day count as rows without a readable time: their number is of another unit,
    or stands for an unknown time.
    """
    latest_days: PositiveDays = 3653
    """Days after the night from which rows count as rows without a readable time; both bounds also
    hold for launch dates in numbers.
    """
