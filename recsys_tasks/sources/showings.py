"""Impressions in a table of their own, given as rows of the interactions, which is what they are
from there on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.clock import day_of
from recsys_tasks.config import Config, EventKind, EventsTable, SourceSettings
from recsys_tasks.sources.base import Reader


def showings_config(config: Config, source: SourceSettings) -> Config:
    """Settings under which the impressions are the interactions: one kind, its places as
    quantities.
    """
    shown, table = config.events.impressions, config.events
    assert shown is not None
    clock = table.time_of_day_column if shown.timestamp_column is None else None
    events = EventsTable(
        user_column=shown.user_column or table.user_column,
        item_column=shown.item_column or table.item_column,
        timestamp_column=shown.timestamp_column or table.timestamp_column,
        time_of_day_column=shown.time_of_day_column or clock,
        timestamp_unit=shown.timestamp_unit or table.timestamp_unit,
        timestamp_format=table.timestamp_format,
        timezone=table.timezone,
        event_column=None,
        kinds=(EventKind(name=shown.event),),
        quantity_column=shown.position_column,
    )
    derived = config.model_copy(update={"events": events, "source": source})
    return derived.read_in(config.folder) if config.folder else derived


class WithShowings:
    """Implements `sources.base.Reader`: a reader's rows, and another's that are impressions."""

    def __init__(self, reader: Reader, showings: Reader, placed: bool) -> None:
        """`placed`: whether impressions have a column of places."""
        self._reader, self._showings, self._placed = reader, showings, placed

    def prepare(self, before: date) -> None:
        """Both are told of the night."""
        self._reader.prepare(before)
        self._showings.prepare(before)

    def fingerprint(self) -> str:
        """Both."""
        return f"{self._reader.fingerprint()}{self._showings.fingerprint()}"

    def read_events(self, first: date | None, before: date) -> pa.Table:
        """The interactions, then the impressions."""
        parts = (self._reader.read_events(first, before), self._shown(first, before, undated=True))
        return pa.concat_tables(parts)

    def read_pieces(self, first: date | None, before: date) -> Iterator[pa.Table]:
        """Each piece of the interactions with the impressions up to the end of its days."""
        pieces, start, undated = self._reader.read_pieces(first, before), first, True
        piece = next(pieces, None)
        while piece is not None:
            following = next(pieces, None)
            end = before if following is None else _end_of(piece)
            if end is not None:
                piece = pa.concat_tables([piece, self._shown(start, end, undated)])
                start, undated = end, False
            yield piece
            piece = following

    def _shown(self, first: date | None, before: date, undated: bool) -> pa.Table:
        rows = self._showings.read_events(first, before)
        rows = rows if undated else rows.filter(pc.is_valid(rows["ts"]))
        if self._placed:
            return rows
        place = pa.repeat(pa.scalar(1.0), rows.num_rows)
        return rows.set_column(rows.column_names.index("quantity"), "quantity", place)

    def close(self) -> None:
        """Both are closed."""
        self._reader.close()
        self._showings.close()

    def count_future(self, now: datetime) -> int:
        """Of both."""
        return self._reader.count_future(now) + self._showings.count_future(now)

    def count_after(self, seconds: int) -> int:
        """Of both."""
        return self._reader.count_after(seconds) + self._showings.count_after(seconds)

    def count_days(
        self, before: date, without: Callable[[pa.Table], pa.Table] | None = None
    ) -> Mapping[date, int]:
        """Of both, added up."""
        counts = Counter(self._reader.count_days(before, without))
        counts.update(self._showings.count_days(before, without))
        return dict(counts)

    def odd_values(self) -> Mapping[str, tuple[str, ...]]:
        """Of both; places of impressions are called so."""
        shown = self._showings.odd_values()
        places = {"events.position": shown["events.quantity"]} if "events.quantity" in shown else {}
        return {**self._reader.odd_values(), **places}

    def repeated_times(self) -> Mapping[str, int]:
        """Of both, added up."""
        counts = Counter(self._reader.repeated_times())
        counts.update(self._showings.repeated_times())
        return dict(counts)

    def remarks(self) -> Mapping[str, tuple[str, ...]]:
        """Of the interactions, items and users; places of impressions are what they are."""
        return self._reader.remarks()

    def files_passed_over(self) -> tuple[str, ...]:
        """Of both."""
        return (*self._reader.files_passed_over(), *self._showings.files_passed_over())

    def read_users(self) -> pa.Table:
        """The shop's users."""
        return self._reader.read_users()

    def read_items(self) -> pa.Table:
        """The shop's items."""
        return self._reader.read_items()

    def items_as_of(self, now: datetime) -> date | None:
        """As the reader of the items says."""
        return self._reader.items_as_of(now)


def _end_of(piece: pa.Table) -> date | None:
    """The day after the last one of a piece; None where none of its rows has a time."""
    last = pc.max(piece["ts"]).as_py()
    return None if last is None else day_of(int(last)) + timedelta(days=1)
