"""The re-rank rules, one file each, and what a rule of a user's own package is made of."""

from recsys_tasks.ranking.lists.rules.base import (
    NORMAL,
    OUT,
    OVER_CAP,
    PROMOTED,
    RERANK_RULES,
    Asked,
    Entries,
    Rearrange,
    RerankRule,
    RulesInForce,
    Shop,
    own_rules,
    rules_in_force,
)

__all__ = [
    "NORMAL",
    "OUT",
    "OVER_CAP",
    "PROMOTED",
    "RERANK_RULES",
    "Asked",
    "Entries",
    "Rearrange",
    "RerankRule",
    "RulesInForce",
    "Shop",
    "own_rules",
    "rules_in_force",
]
