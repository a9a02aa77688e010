"""Which rows have a rating that cannot be used, or are no events by their rating or status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.config import EventsTable

LEFT_OUT = "left_out"
"""Name of the flag of rows that are no events by their rating or status."""
_Flags = npt.NDArray[np.bool_]


class RatingFlags(NamedTuple):
    """`[n] bool` each; `left_out` is None where the shop has no ratings and no status."""

    bad: _Flags
    left_out: _Flags | None

    @property
    def of_no_kind(self) -> _Flags:
        """`[n] bool`: rows that are of no kind of event by their rating or status."""
        return self.bad if self.left_out is None else self.bad | self.left_out


def rating_flags(settings: EventsTable, events: pa.Table) -> RatingFlags:
    """Flags of RAW_EVENTS rows."""
    rating, status = settings.rating, settings.status
    if rating is None and status is None:
        return RatingFlags(np.zeros(events.num_rows, bool), None)
    bad, left_out = (
        np.asarray(pc.is_in(events["event"], value_set=pa.array(texts, pa.string())), bool)
        for texts in ([rating.fault] if rating else [], left_out_events(settings))
    )
    return RatingFlags(bad, left_out)


def left_out_events(settings: EventsTable) -> list[str]:
    """What stands for the kind of rows that are no events by their rating or status."""
    rated = [settings.rating.left_out] if settings.rating else []
    return rated + ([settings.status.left_out_event] if settings.status else [])


def left_out_rows(flags: Mapping[str, _Flags]) -> _Flags:
    """`[n] bool`: rows that are no events by their rating or status."""
    return flags.get(LEFT_OUT, np.zeros(len(flags["repeated"]), bool))


def left_out_figures(flags: Mapping[str, _Flags]) -> dict[str, int]:
    """How many of the rows `[n]` were left out so; empty where the shop has nothing of the kind."""
    return {LEFT_OUT: int(left_out_rows(flags).sum())} if LEFT_OUT in flags else {}
