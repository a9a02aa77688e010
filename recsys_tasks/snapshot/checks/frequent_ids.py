"""Ids that have an absurd share of tonight's rows: a bot, a test account, or a word for a missing
one that was taken for an id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.errors import hashed_user

NULL_WORDS = frozenset(
    (
        "null",
        "(null)",
        "none",
        "nil",
        "nan",
        "na",
        "n/a",
        "#n/a",
        "\\n",
        "-",
        "?",
        "0",
        "-1",
        "undefined",
        "unknown",
        "missing",
        "empty",
        "anonymous",
        "guest",
        "gast",
        "anon",
        "nobody",
        "false",
        "<null>",
        "[null]",
        "n.a.",
        "(none)",
        "(not set)",
        "not set",
        "(blank)",
        "(empty)",
        "nat",
        "00000000-0000-0000-0000-000000000000",
    )
)
"""What exports write for a missing id, in lower case."""
_NUMBERS = ("0", "-1")
"""Where ids are numbers from 0 on, as often by how frequent they are, these are ids."""
MIN_ROWS, MIN_IDS = 200, 20
"""Among fewer, one id may well have a large share."""
_TIMES_MEAN = 10.0
_LEAST_SHARE = 0.005
"""A word of NULL_WORDS is no id where it has this share of the rows, and so many times the rows of
the mean id: a real user `none` has no more rows than others.
"""


@dataclass(frozen=True)
class FrequentIds:
    """The ids that have the most rows, and the rows of words for a missing id."""

    user_share: float = float("nan")
    item_share: float = float("nan")
    word_share: float = float("nan")
    """Share of the rows whose user or item is such a word; NaN where there are too few rows."""
    words: tuple[str, ...] = ()
    """Such as `user_id 'null': 1,204 rows`."""
    top_user: str = ""
    top_item: str = ""
    """In words, the user hashed."""


def find_frequent_ids(rows: pa.Table, accepted: Sequence[str] = ()) -> FrequentIds:
    """Of RAW_EVENTS rows that are good. `accepted`: ids that are words for a missing one elsewhere
    and real here.
    """
    if rows.num_rows < MIN_ROWS:
        return FrequentIds()
    shares, words, told, worded = {}, [], {}, 0
    for column in ("user_id", "item_id"):
        counted = pc.value_counts(rows[column])
        ids, counts = counted.field("values"), np.asarray(counted.field("counts"))
        top = int(counts.argmax())
        many = len(counts) >= MIN_IDS
        shares[column] = float(counts[top]) / rows.num_rows if many else float("nan")
        text = str(ids[top].as_py())
        quoted = hashed_user(text) if column == "user_id" else repr(text)
        told[column] = f"{quoted} has {counts[top]:,} of {rows.num_rows:,} rows"
        least = max(_TIMES_MEAN * rows.num_rows / len(counts), _LEAST_SHARE * rows.num_rows)
        numbered = pc.any(pc.equal(ids, "1")).as_py()
        for place in np.flatnonzero(counts >= least) if many else ():
            text = str(ids[int(place)].as_py())
            if numbered and text in _NUMBERS:
                continue
            if text.strip().lower() in NULL_WORDS and text not in accepted:
                words.append(f"{column} {text!r}: {counts[place]:,} rows")
                worded += int(counts[place])
    return FrequentIds(
        shares["user_id"],
        shares["item_id"],
        worded / rows.num_rows,
        tuple(words),
        told["user_id"],
        told["item_id"],
    )
