"""The day that is ranked for: its weekday (0: Monday), and the time of the year on a circle."""

from recsys_tasks.ranking.columns.lookups import LookedUp

COLUMNS = LookedUp("context", 110, lambda _: ("weekday", "year_sin", "year_cos"))
