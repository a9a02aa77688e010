"""Which rows have a rating that cannot be used, or one that is below the lowest level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.config import EventsTable

LEFT_OUT = "left_out"
"""Name of the flag of rows that are no events by their rating."""
_Flags = npt.NDArray[np.bool_]


class RatingFlags(NamedTuple):
    """`[n] bool` each; `left_out` is None where the shop has no ratings."""

    bad: _Flags
    left_out: _Flags | None

    @property
    def of_no_kind(self) -> _Flags:
        """`[n] bool`: rows that are of no kind of event by their rating."""
        return self.bad if self.left_out is None else self.bad | self.left_out


def rating_flags(settings: EventsTable, events: pa.Table) -> RatingFlags:
    """Flags of RAW_EVENTS rows."""
    if settings.rating is None:
        return RatingFlags(np.zeros(events.num_rows, bool), None)
    bad, left_out = (
        np.asarray(pc.fill_null(pc.equal(events["event"], text), False).to_numpy(), bool)
        for text in (settings.rating.fault, settings.rating.left_out)
    )
    return RatingFlags(bad, left_out)


def left_out_rows(flags: Mapping[str, _Flags]) -> _Flags:
    """`[n] bool`: rows that are no events by their rating; false where the shop has no ratings."""
    return flags.get(LEFT_OUT, np.zeros(len(flags["repeated"]), bool))


def left_out_figures(flags: Mapping[str, _Flags]) -> dict[str, int]:
    """How many of the rows `[n]` were left out by their rating; empty where the shop has none."""
    return {LEFT_OUT: int(left_out_rows(flags).sum())} if LEFT_OUT in flags else {}
