"""Features of the user with the item, `pair_<name>` (features/definitions/pair.py); NaN for an
item that is not of the user's history.
"""

from recsys_tasks.ranking.columns.lookups import LookedUp

COLUMNS = LookedUp(
    "pair",
    30,
    lambda inputs: [f"pair_{name}" for name in inputs.tables.pair_names],
    light_order=30,
)
