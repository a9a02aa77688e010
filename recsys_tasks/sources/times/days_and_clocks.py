"""Times in two columns, a day and a time of day, as one column of texts."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.config import EventsTable
from recsys_tasks.sources.columns import as_text

CLOCK: Final = r"^\s*[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?( ?[AaPp][Mm])?\s*$"
"""Text of a time of day."""
_AT_MIDNIGHT: Final = r"[T ]00:00(:00(\.0+)?)?$"
_DAY_OF_NONE: Final = r"^(1899-12-3[01]|1900-01-0[01]|1970-01-01)[T ]"
"""Days that office programs and databases write before a time that has none."""


def days_with_clocks(days: Any, clocks: Any, table: EventsTable) -> pa.ChunkedArray:
    """Each day and its time of day as one text; null where there is no day. `table`: the settings
    that say how both are written.

    A time of day is text (`9:30`, `09:30:15`, `0930`, `093015`), a value of a type of its own, or
    the number of an hour. A row without one keeps its day and says so, which is no time: nobody
    knows when on that day it was. Raises TypeError for columns of lists, structs or maps.
    """
    day, clock = _trimmed(days), _trimmed(clocks)
    if table.timestamp_format is None:
        day = pc.replace_substring_regex(day, _AT_MIDNIGHT, "")
        if table.timestamp_unit == "yyyymmdd":
            digits = r"^([0-9]{4})([0-9]{2})([0-9]{2})$"
            day = pc.replace_substring_regex(day, digits, r"\1-\2-\3")
        clock = pc.replace_substring_regex(clock, _DAY_OF_NONE, "")
        clock = pc.replace_substring_regex(clock, r"^([0-9])(:|$)", r"0\1\2")
        clock = pc.replace_substring_regex(clock, r"^([0-9]{2})([0-9]{2})$", r"\1:\2")
        pairs = r"^([0-9]{2})([0-9]{2})([0-9]{2})$"
        clock = pc.replace_substring_regex(clock, pairs, r"\1:\2:\3")
    clock = pc.fill_null(clock, "(no time of day)")
    return pa.chunked_array([pc.binary_join_element_wise(day, clock, " ").combine_chunks()])


def _trimmed(column: Any) -> Any:
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    text = pc.utf8_trim_whitespace(as_text(column))
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, text.type), text)
