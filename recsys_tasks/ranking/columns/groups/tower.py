"""How the item stands among the user's candidates by the two-tower model: rank, and standardised
score. Raw scores are left out: they shift from one tower version to the next.
"""

from recsys_tasks.ranking.columns.lookups import LookedUp

COLUMNS = LookedUp("tower", 60, lambda _: ("tower_rank", "tower_score"), light_order=40)
