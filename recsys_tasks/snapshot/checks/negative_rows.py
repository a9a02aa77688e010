"""Which delivered rows are negative events, and the event code of each row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.config import EventsTable

NEGATIVE = "negative"
"""Name of the flag of negative events."""


def negative_rows(settings: EventsTable, events: pa.Table) -> npt.NDArray[np.bool_] | None:
    """`[n] bool`: RAW_EVENTS rows that are negative events; None where the shop has none."""
    if not settings.negatives:
        return None
    codes = event_codes(settings, events)
    found = pc.fill_null(pc.greater_equal(codes, settings.first_negative), False)
    return np.asarray(found.to_numpy(), bool)


def event_codes(settings: EventsTable, events: pa.Table) -> pa.ChunkedArray:
    """`[n] int32`: the event code of RAW_EVENTS rows, as `EventsTable.known` numbers them; null for
    an undeclared kind.
    """
    codes = pc.index_in(events["event"], value_set=pa.array(settings.known))
    below = [n for n, kind in enumerate(settings.negatives) if kind.rows == "negative_quantity"]
    if not below:
        return codes
    action = pc.less(codes, len(settings.kinds))
    returned = pc.and_(action, pc.fill_null(pc.less(events["quantity"], 0.0), False))
    code = pa.scalar(settings.first_negative + below[0], codes.type)
    return pc.if_else(pc.fill_null(returned, False), code, codes)
