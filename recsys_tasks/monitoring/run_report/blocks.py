"""What a page is made of, as values: a view fills them, the page draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Tone = Literal["good", "bad", "warn", "plain"]


@dataclass(frozen=True)
class Cell:
    """A table's cell; `tone` colours it. `link`: where its text leads; `command`: what to type,
    above the text, taken whole by a click; `more`: shown once a person opens it.
    """

    text: str
    tone: Tone = "plain"
    link: str = ""
    command: str = ""
    more: str = ""


@dataclass(frozen=True)
class Table:
    """`numbers` are the columns that hold numbers and stand to the right. `folded`: opened by a
    click on `caption`; `half`: narrow enough to stand beside a chart. `stacked`: on a phone each
    row is a block with the names of its columns, of more than eight columns beside Airflow's grid,
    too; else the table is scrolled.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    numbers: frozenset[int] = frozenset()
    folded: bool = False
    half: bool = False
    stacked: bool = True
    kind: str = "table"


@dataclass(frozen=True)
class Series:
    """One line, or one colour of bars; `low` and `high` are whiskers."""

    name: str
    x: tuple[Any, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


@dataclass(frozen=True)
class Chart:
    """`lines` over numbers or texts, or horizontal `bars` and `ranges` by name. `reference` is a
    thin line; `from_zero`: the lines' axis begins at 0, so that a small change looks small.
    """

    shape: Literal["lines", "bars", "ranges"]
    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    note: str = ""
    reference: float | None = None
    diagonal: bool = False
    percent: bool = False
    from_zero: bool = False
    kind: str = "chart"


@dataclass(frozen=True)
class Note:
    """A sentence: what is missing, or what to make of something."""

    text: str
    tone: Tone = "plain"
    kind: str = "note"


@dataclass(frozen=True)
class SampleList:
    """One user's list; each entry has rank, title, item, score, reason, hit, why."""

    title: str
    entries: tuple[dict[str, Any], ...]
    kind: str = "list"


Block = Table | Chart | Note | SampleList


@dataclass(frozen=True)
class Section:
    """A heading, one sentence that says what is seen, and the evidence."""

    key: str
    title: str
    says: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Card:
    """One answer of the page's head."""

    label: str
    value: str
    note: str
    tone: Tone


@dataclass(frozen=True)
class Page:
    """A whole page: a night's report, or the live page."""

    title: str
    at: str
    """When what the page says was so, in words."""
    headline: str
    tone: Tone
    cards: tuple[Card, ...]
    sections: tuple[Section, ...]
    foot: str = ""


@dataclass(frozen=True)
class Known:
    """What a view is made from: facts by stage, and evidence by part."""

    facts: dict[str, Any]
    evidence: dict[str, Any] = field(default_factory=dict)

    def part(self, name: str) -> Any:
        """A part of the evidence, None when it is missing."""
        return (self.evidence.get(name) or {}).get("found")

    def missing(self, name: str) -> str:
        """Why a part is missing."""
        return str((self.evidence.get(name) or {}).get("missing", "it was not made for this night"))


# --- numbers in words ----------------------------------------------------------------------------


def number(value: Any) -> str:
    """A number in at most four digits that matter, a dash for none; anything else as it is."""
    if value is None or value != value:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) or (isinstance(value, float) and abs(value) >= 1000):
        return f"{value:,.0f}"
    if isinstance(value, float):
        return (
            f"{value:.4f}".rstrip("0").rstrip(".")
            if abs(value) >= 1e-4 or value == 0
            else f"{value:.1e}"
        )
    return str(value)


def percent(value: float | None, digits: int = 1) -> str:
    """A share as per cent."""
    return "–" if value is None or value != value else f"{value:.{digits}%}"


def change(value: float | None) -> str:
    """A relative change with its sign."""
    return "–" if value is None or value != value else f"{value:+.1%}"


def plural(n: int, one: str) -> str:
    """`1 alarm`, `2 alarms`."""
    return f"{n:,} {one}" + ("" if n == 1 else "s")


def cells(*values: Any) -> tuple[Cell, ...]:
    """A row: values that are no cells yet become plain ones."""
    return tuple(
        v if isinstance(v, Cell) else Cell(v if isinstance(v, str) else number(v)) for v in values
    )


def rows_of(values: Sequence[Sequence[Any]]) -> tuple[tuple[Cell, ...], ...]:
    """Rows of plain cells."""
    return tuple(cells(*row) for row in values)
