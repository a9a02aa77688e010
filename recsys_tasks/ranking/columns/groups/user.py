"""The user's features, `user_<name>` (features/definitions/user.py)."""

from recsys_tasks.ranking.columns.lookups import LookedUp

COLUMNS = LookedUp("user", 10, lambda inputs: [f"user_{name}" for name in inputs.tables.user_names])
