"""A broken delivery of the simulated shop, for demonstrations and tests of the data checks."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from recsys_tasks.clock import DAY_SECONDS


def break_rows(good: pa.Table, seed: int) -> pa.Table:
    """A day's events with 30 % unknown items, and a tenth each of lost users, unknown kinds of
    event, times more than a year ahead and negative prices; a row may have several faults."""
    rng = np.random.default_rng([seed, 5])
    n = good.num_rows

    def hit(share: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        return np.asarray(rng.random(n) < share)

    column = {name: good[name].to_numpy(zero_copy_only=False) for name in good.column_names}
    strange = np.array([f"lost-{number}" for number in rng.integers(10_000, size=n)], object)
    column["item_id"] = np.where(hit(0.3), strange, column["item_id"])
    column["user_id"] = np.where(hit(0.1), None, column["user_id"])
    column["event"] = np.where(hit(0.1), "VIEWED", column["event"])
    column["timestamp"] = np.where(
        hit(0.1), column["timestamp"] + 400 * DAY_SECONDS, column["timestamp"]
    )
    column["price"] = np.where(hit(0.1), -column["price"] - 1, column["price"])
    return pa.table(
        {name: pa.array(column[name], good.schema.field(name).type) for name in good.column_names}
    )
