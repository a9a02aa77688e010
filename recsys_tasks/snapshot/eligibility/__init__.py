"""May this item be shown? Four words, each with one meaning:

- *available*: the shop offers it. It exists from `available_from` on, its end
  (`items.available_until_column`) has not come, and the flag `available` of the items table is
  set; the application may report otherwise during the day (`recsys.item_availability`).
- *hidden*: a rule on its attributes (`rerank.item_rules`) or a moderator (`rerank.hidden_items`)
  keeps it from everyone (`hidden.py`). `freeze` stores a hidden item as not available, and the
  serving schema as `blocked`, which no report of stock lifts.
- *eligible* as of a day: it existed by then, and was available and not hidden that night, as far as
  was known by then (`eligible.py`). Generators, rankers, fallback lists and similar items name
  eligible items only, and the index holds no others.
- *allowed* to a user: eligible, not forbidden by the repeat policy (`repeat_consumption`) to a
  user who had it, nor kept from the user (`bans_and_rules.py`) by a negative event or by a rule on
  attributes of both (`eligibility.rules`, `user_rules.py`). Candidates and own lists are made so
  (`ranking/lists/recommender.py`), fallback lists are cut so when they are read
  (`serving/repeats.py`, `serving/user_rules.py`, `recsys.withheld_rows`).

The checks before a publication ask all of it again, in SQL (`serving/checks.py`).
"""
