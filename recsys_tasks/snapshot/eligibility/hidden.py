"""Which items are hidden from everyone: by a rule on their attributes, or by the moderators' list.

A hidden item is unavailable tonight, like one out of stock: no list, fallback, similar item or
top-up has it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.config import Config, ItemRule

Bools = npt.NDArray[np.bool_]


def hidden_items(config: Config, items: pa.Table) -> Bools:
    """`[n_items] bool`: whether a rule of `rerank.item_rules` is broken, or the id is in
    `rerank.hidden_items`. `items`: rows with item_id and the attributes of the rules.
    """
    listed = pa.array(config.rerank.hidden_items, pa.string())
    hidden: Bools = pc.is_in(items["item_id"], value_set=listed).to_numpy().astype(bool)
    separators = {a.name: a.separator for a in config.items.attributes if a.kind == "multi"}
    for rule in config.rerank.item_rules:
        hidden |= ~_kept(rule, items[rule.attribute], separators.get(rule.attribute))
    return hidden


def _kept(rule: ItemRule, values: pa.ChunkedArray, separator: str | None) -> Bools:
    """`[n]`: a missing value breaks `required` only."""
    if pa.types.is_floating(values.type):
        numbers = values.to_pandas().to_numpy(np.float64, na_value=np.nan)
        known = ~np.isnan(numbers)
        low = -np.inf if rule.minimum is None else rule.minimum
        high = np.inf if rule.maximum is None else rule.maximum
        return np.asarray(np.where(known, (numbers >= low) & (numbers <= high), not rule.required))
    if pa.types.is_fixed_size_list(values.type):
        return np.asarray(pc.is_valid(values).to_numpy().astype(bool) | (not rule.required))
    texts = values.to_pylist()
    banned = set(rule.banned)

    def keeps(text: str | None) -> bool:
        if not text:
            return not rule.required
        return banned.isdisjoint(text.split(separator) if separator else [text])

    return np.array([keeps(text) for text in texts], bool)
