"""What is wrong with tonight's data though every value of it can be read: told by a check of the
night that warns, each with the values as they were delivered and what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import pyarrow as pa

from recsys_tasks.config import Config
from recsys_tasks.snapshot.checks.apart_ids import apart_ids
from recsys_tasks.snapshot.checks.heavy_ids import heavy_ids
from recsys_tasks.snapshot.checks.row_rules import Flags, first_reason
from recsys_tasks.snapshot.checks.short_id_rows import left_out_words
from recsys_tasks.snapshot.checks.text_remarks import text_remarks
from recsys_tasks.snapshot.extract_result import ExtractResult

Remarks = Mapping[str, tuple[str, ...]]
"""Name of a check of the night → what was found, in words."""

ABOUT: Final[Mapping[str, str]] = {
    "absurd_numbers": "columns with numbers beside which all others are next to nothing"
    " (validation.max_value_ratio)",
    "alike_ids": "columns of ids that differ in blanks, unseen characters or case alone",
    "alike_values": "columns of values that differ in blanks or case alone",
    "ambiguous_numbers": "columns of numbers that may be thousands or fractions",
    "apart_ids": "users or items with many times the rows of the next one"
    " (validation.max_times_next)",
    "currencies": "columns of currencies beside prices that are compared as if of one",
    "damaged_texts": "columns of texts with lost letters, HTML, or words of a spreadsheet",
    "ids_in_both": "ids that are a user's and an item's",
    "parts_differ": "columns whose numbers are of another size in a part of the delivery",
    "same_files": "files that are there twice under two names",
    "same_titles": "columns of titles that many items share",
    "separators": "columns of several values that another sign joins",
    "set_aside_values": "columns with numbers that are out of their range, or none",
    "shortened_ids": "users or items that are left out because their ids lost digits",
    "stand_ins": "columns with numbers that stand for a missing one",
    "swapped_dates": "columns of dates whose day and month may be exchanged",
    "undeclared_ends": "columns that say of items that they cannot be had, which no setting reads",
    "undeclared_status": "columns that say of rows that nothing was bought, which no setting reads",
    "unit_shares": "users or items with an absurd share of all units or weight"
    " (validation.max_unit_share)",
    "unseen_characters": "columns of texts with characters that cannot be seen",
    "zero_prices": "columns of prices of which many are 0 (validation.max_zero_price_share)",
}
"""Checks of the night that count remarks."""


def find_remarks(
    config: Config,
    extracted: ExtractResult,
    events: pa.Table,
    flags: Mapping[str, Flags],
    users: pa.Table,
    items: pa.Table,
) -> Remarks:
    """Of tonight's rows and tables, and what was noticed when they were read; names without any are
    left out. `flags`: `[n] bool` of the events by fault.
    """
    good = events.filter(pa.array(first_reason(flags) < 0))
    found = {
        **extracted.remarks,
        **text_remarks(config, events, users, items),
        "shortened_ids": left_out_words(config, users, items),
        "set_aside_values": tuple(_values(extracted.odd_values, flags)),
        "unit_shares": tuple(heavy_ids(config, good)),
        "apart_ids": tuple(apart_ids(config, good)),
    }
    return {name: words for name, words in found.items() if words and name in ABOUT}


def _values(odd: Mapping[str, Sequence[str]], flags: Mapping[str, Flags]) -> Iterator[str]:
    """Numbers that are of no use, as delivered: rows of them are set aside, attributes missing."""
    for name, texts in odd.items():
        table, _, column = name.partition(".")
        rows = int(flags[f"bad_{column}"].sum()) if table == "events" else len(texts)
        if rows:
            count = f"{rows:,} rows, " if table == "events" else ""
            yield f"{name}: {count}delivered as {', '.join(texts)}"
