"""The column that says up to when an item can be had."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from recsys_tasks.commands.init.columns import Column
from recsys_tasks.commands.init.names import fits
from recsys_tasks.commands.init.proposal import Proposal
from recsys_tasks.commands.init.readings import Reading
from recsys_tasks.commands.init.roles import Entities, Roles
from recsys_tasks.commands.init.times import add_form

_EVER: Final = datetime(9999, 12, 30, tzinfo=UTC)
_LATE: Final = 0.05
"""Share of events after their item's end up to which a column of dates can be the end."""
_DAY: Final = 86_400


def add_end(
    proposal: Proposal, roles: Roles, entities: Entities, taken: Sequence[str], now: datetime
) -> list[str]:
    """Propose a column of ends, unless items are bought after it: then it is another date. The
    column, where there is one.
    """
    named = [
        (fits(name, "end"), -place, name)
        for place, (name, column) in enumerate(entities.columns.items())
        if name not in taken and fits(name, "end") and _dates(column) is not None
    ]
    if not named:
        return []
    column = entities.columns[max(named)[2]]
    reading = _dates(column) or Reading()
    seconds = column.seconds(reading, _EVER)
    ended = int(((seconds >= 0) & (seconds + _DAY <= now.timestamp())).sum())
    late = _after(roles, entities, seconds)
    if late > _LATE:
        words = f"items, {column.name}: {late:.1%} of the events are later: no end"
        proposal.left_out.append(words)
        return [column.name]
    words = f"{ended:,} of {len(seconds):,} items have ended, {column.missing:.1%} have no end"
    proposal.add("items.available_until_column", column.name, "likely", words)
    if reading.unit != "seconds" and not pa.types.is_temporal(column.delivered.type):
        proposal.add("items.available_until_unit", reading.unit, "sure", "by its values")
    add_form(proposal, "items.available_until_format", column, reading)
    return [column.name]


def _dates(column: Column) -> Reading | None:
    return column.reading(_EVER) if not column.is_flag else None


def _after(roles: Roles, entities: Entities, seconds: np.ndarray) -> float:
    """Share of events a day or more after their item's end."""
    ends = pd.Series(seconds, index=entities.columns[entities.id_column].text.to_pandas())
    ends = ends[~ends.index.duplicated()]
    of_event = roles.columns[roles.item].text.to_pandas().map(ends).fillna(-1).to_numpy()
    times = roles.columns[roles.time].seconds(roles.reading, _EVER)
    return float(np.mean((of_event >= 0) & (of_event + _DAY <= times)))
