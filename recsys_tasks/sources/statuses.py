"""The kind of event that a row is by its state."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.config import EventsTable, Status

_QUOTED: Final = 60


def events_by_status(settings: EventsTable, status: Status, event: Any, values: Any) -> Any:
    """`[n]` texts: the kind of each row by its state; `event` as delivered where it has none.

    A row that is no event has the text `status.left_out_event`; one whose state is not declared a
    text that quotes it, which is no known kind. `values` are texts, null where missing.
    """
    names = [kind.name for kind in settings.kinds] if status.of is None else list(status.of)
    concerned = pc.is_in(event, value_set=pa.array(names, pa.string()))
    values = pc.utf8_trim_whitespace(values)
    values = pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
    quoted = pc.utf8_slice_codeunits(values, 0, _QUOTED)
    kind = pc.binary_join_element_wise("status", quoted, ": ")
    kind = pc.if_else(pc.is_in(values, value_set=pa.array(status.counts)), event, kind)
    gone = pa.array(status.left_out, pa.string())
    kind = pc.if_else(pc.is_in(values, value_set=gone), status.left_out_event, kind)
    for one in status.as_events:
        kind = pc.if_else(pc.fill_null(pc.equal(values, one.value), False), one.event, kind)
    without = {"counts": event, "left_out": status.left_out_event, "unknown": "status: missing"}
    kind = pc.if_else(pc.is_null(values), without[status.missing], kind)
    return pc.if_else(pc.fill_null(concerned, False), kind, event)
