"""What the candidate generators said: each one's rank and standardised score, how many named the
item (`sources`), and its rank in the fused order.
"""

from __future__ import annotations

from recsys_tasks.ranking.columns.lookups import LookedUp
from recsys_tasks.ranking.inputs import RankingInputs
from recsys_tasks.schema import generator_names


def _names(_: RankingInputs) -> list[str]:
    ranks, scores = ([f"{name}_{of}" for name in generator_names()] for of in ("rank", "score"))
    return [*ranks, *scores, "sources", "fused_rank"]


COLUMNS = LookedUp("lists", 50, _names, light_order=10)
