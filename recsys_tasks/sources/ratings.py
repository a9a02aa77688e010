"""The kind of event that a row's rating stands for."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.config import EventsTable, Rating
from recsys_tasks.sources.delivered import odd_numbers


def rated_events(settings: EventsTable, rating: Rating, event: Any, values: Any) -> Any:
    """`[n]` texts: the kind of each row by its rating; `event` as delivered where it has none.

    A row below the lowest level has the text `rating.left_out`, one whose rating cannot be used
    `rating.fault`. `values` are numbers, null where missing, NaN where unreadable.
    """
    names = [kind.name for kind in settings.kinds] if rating.of is None else list(rating.of)
    rated = pc.is_in(event, value_set=pa.array(names, pa.string()))
    kind: Any = pa.scalar(rating.left_out)
    for level in sorted(rating.levels, key=lambda level: level.at_least):
        reached = pc.fill_null(pc.greater_equal(values, level.at_least), False)
        kind = pc.if_else(reached, pa.scalar(level.event), kind)
    odd = odd_numbers(values, rating.minimum, rating.maximum)
    if odd is not None:
        kind = pc.if_else(odd, pa.scalar(rating.fault), kind)
    unrated = pa.scalar(rating.fault if rating.unrated is None else rating.unrated)
    kind = pc.if_else(pc.is_null(values), unrated, kind)
    return pc.if_else(rated, kind, event)
