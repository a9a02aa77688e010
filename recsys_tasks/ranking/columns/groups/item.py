"""The item's features, `item_<name>` (features/definitions/item.py)."""

from recsys_tasks.ranking.columns.lookups import LookedUp

COLUMNS = LookedUp(
    "item",
    20,
    lambda inputs: [f"item_{name}" for name in inputs.tables.item_names],
    light_order=20,
)
