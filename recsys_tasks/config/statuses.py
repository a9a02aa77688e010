"""Rows that count or not by a column of states: paid, pending, cancelled, refunded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from recsys_tasks.config.base import Section

if TYPE_CHECKING:
    from recsys_tasks.config.shop import EventsTable

Value = Annotated[str, Field(min_length=1)]


class StatusEvent(Section):
    """A value whose rows are events of another kind."""

    value: Value
    """Value of the column."""
    event: Value
    """What such a row is: one of `events.kinds` or of `events.negatives`."""


class Status(Section):
    """A column whose values say which rows count, such as the state of an order. Each value is
    named once; a row with another value is of no known kind.
    """

    column: str
    """Column with the state, as text; blanks around a value are left out."""
    counts: Annotated[tuple[Value, ...], Field(min_length=1)]
    """Values whose rows are events of their kind, e.g. `[paid, shipped]`."""
    left_out: tuple[Value, ...] = ()
    """Values whose rows are no events, e.g. `[pending, cancelled]`: they are in no history, no
    count and no label, and `freeze` counts them."""
    as_events: tuple[StatusEvent, ...] = ()
    """Values whose rows are events of another kind, e.g. `[{value: refunded, event: return}]`."""
    of: tuple[str, ...] | None = None
    """Values of the event column whose rows have a state; null: those of `events.kinds`."""
    missing: Literal["counts", "left_out", "unknown"] = "unknown"
    """What a row without a state is: an event of its kind, none, or of no known kind."""

    @property
    def left_out_event(self) -> str:
        """What stands for the kind of a row that is no event by its state."""
        return "left out by its status"


def status_mistakes(events: EventsTable) -> list[str]:
    """One line for each contradiction to the other settings of `events`."""
    return [f"events.status: {words}" for words in _mistakes(events)]


def _mistakes(events: EventsTable) -> Iterator[str]:
    status, kinds = events.status, [kind.name for kind in events.kinds]
    if status is None:
        return
    values = [*status.counts, *status.left_out, *(one.value for one in status.as_events)]
    for value in sorted({value for value in values if values.count(value) > 1}):
        yield f"{value!r} is there twice: a row counts, is left out or is another event"
    known = (*kinds, *(negative.name for negative in events.negatives))
    for one in status.as_events:
        if one.event not in known:
            yield (
                f"as_events: {one.event!r} is neither one of events.kinds nor of events.negatives"
                f" {list(known)}: declare it in one of the two"
            )
    if status.of is not None and events.event_column is None:
        yield "of: needs events.event_column; without one every row has a state: leave `of` out"
