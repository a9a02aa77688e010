"""Users and items that stand apart: each has a small share of tonight's rows, and many times those
of whoever comes next. A till's customer, a test account, a carrier bag.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.config import Config
from recsys_tasks.errors import hashed_user
from recsys_tasks.snapshot.checks.frequent_ids import MIN_IDS

_MOST = 5
"""So many ids may stand apart together."""
_LEAST_SHARE, _LEAST_ROWS = 0.01, 50
"""Of fewer rows an id may have many by chance, or nobody would see the difference."""


def apart_ids(config: Config, rows: pa.Table) -> Iterator[str]:
    """Words on ids with more than `validation.max_times_next` times the rows of the next one, of
    good RAW_EVENTS rows. Of those above `max_user_share` or `max_item_share` nothing is said:
    another check does.
    """
    rules = config.validation
    for column, most in (("user_id", rules.max_user_share), ("item_id", rules.max_item_share)):
        counted = pc.value_counts(rows[column])
        counts = np.asarray(counted.field("counts"))
        if len(counts) < MIN_IDS:
            continue
        order = np.argsort(-counts, kind="stable")[: _MOST + 1]
        top = counts[order]
        gaps = np.flatnonzero(top[:-1] > rules.max_times_next * top[1:])
        for place in range(int(gaps[-1]) + 1 if len(gaps) else 0):
            share = top[place] / rows.num_rows
            if share <= most and share >= _LEAST_SHARE and top[place] >= _LEAST_ROWS:
                text = str(counted.field("values")[int(order[place])].as_py())
                quoted = hashed_user(text) if column == "user_id" else repr(text)
                times = top[place] / top[int(gaps[-1]) + 1]
                yield (
                    f"{quoted} has {top[place]:,} of {rows.num_rows:,} rows, {times:.0f} times"
                    f" those of the next {column.partition('_')[0]}"
                )
