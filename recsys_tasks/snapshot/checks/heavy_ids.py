"""Users and items that have an absurd share of tonight's units, or of the weight of its rows,
though they have a usual share of the rows: one order of 100,000 pieces beside others of three.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.arrays import Float64
from recsys_tasks.config import Config
from recsys_tasks.errors import hashed_user
from recsys_tasks.snapshot.checks.frequent_ids import MIN_IDS, MIN_ROWS


def heavy_ids(config: Config, rows: pa.Table) -> Iterator[str]:
    """Words on users and items with more than `validation.max_unit_share`, of good RAW_EVENTS rows;
    of few rows, or few ids, nothing is said.
    """
    codes = pc.index_in(rows["event"], value_set=pa.array([k.name for k in config.events.kinds]))
    rows = rows.filter(pc.is_valid(codes))
    if rows.num_rows < MIN_ROWS:
        return
    weights = np.array(config.event_weights)[codes.drop_null().to_numpy()]
    amounts = {"weight": weights}
    if config.events.quantity_column is not None:
        units = np.nan_to_num(rows["quantity"].to_numpy().astype(np.float64), nan=1.0)
        amounts["units"] = np.maximum(units, 0.0)
    for column in ("user_id", "item_id"):
        ids = rows[column].combine_chunks().dictionary_encode()
        counts = np.bincount(ids.indices.to_numpy())
        if len(counts) < MIN_IDS:
            continue
        for what, amount in amounts.items():
            yield from _above(config, column, ids, what, amount)


def _above(
    config: Config, column: str, ids: pa.DictionaryArray, what: str, amount: Float64
) -> Iterator[str]:
    sums = np.bincount(ids.indices.to_numpy(), amount)
    top, whole = int(sums.argmax()), float(sums.sum())
    rows = np.bincount(ids.indices.to_numpy())
    share, of_rows = float(sums[top]) / max(whole, 1e-300), rows[top] / rows.sum()
    if share > config.validation.max_unit_share > of_rows:
        text = str(ids.dictionary[top].as_py())
        quoted = hashed_user(text) if column == "user_id" else repr(text)
        yield f"{quoted} has {share:.1%} of all {what} ({sums[top]:,.0f}) in {rows[top]:,} rows"
