"""The item's price over what the user usually pays; none where the shop declares no prices."""

from __future__ import annotations

from recsys_tasks.ranking.columns.lookups import LookedUp
from recsys_tasks.ranking.inputs import RankingInputs


def _names(inputs: RankingInputs) -> list[str]:
    both = "price" in inputs.tables.user_names and "price" in inputs.tables.item_names
    return ["relative_price"] if both else []


COLUMNS = LookedUp("price", 100, _names)
