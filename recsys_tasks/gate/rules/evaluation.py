"""Rules on whether there is something to judge, and to judge by."""

from __future__ import annotations

from collections.abc import Iterator

from recsys_tasks.gate.decision import RuleResult
from recsys_tasks.gate.rules.rule import GateCase, GateRule


def judge(case: GateCase) -> Iterator[RuleResult]:
    """Whether there is something to judge, and to judge by."""
    context, rules, fault = case.context, case.rules, case.challenger.fault
    words = (
        "all scores are numbers in [0, 1]" if fault is None else f"its scores are broken: {fault}"
    )
    yield RuleResult("scores_in_range", None, None, fault is None, words, "refuse")
    if context.champion_fault is not None:
        words = (
            f"the champion {context.champion} cannot be judged, so nothing can be compared"
            f" ({context.champion_fault})"
        )
        words += "; `recsys promote` or `recsys rollback --release` names another champion"
        yield RuleResult("champion_can_be_judged", None, None, False, words, "refuse")
    users = case.users
    words = f"{users} users did something in the window (at least {rules.min_users})"
    if users == 0:
        words = "nobody did anything in the gate window, so there is nothing to judge by"
    elif users < rules.min_users:
        words = (
            f"only {users} users did something in the window, at least {rules.min_users} are needed"
            " to judge"
        )
    yield RuleResult("min_users", rules.min_users, users, users >= rules.min_users, words)


RULE = GateRule(
    name="evaluation",
    guards="scores are probabilities, the champion can be judged, and enough users did something",
    judge=judge,
    order=10,
)
