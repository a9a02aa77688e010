"""Whether a challenger replaces the champion: a value with every rule, its bound and what was seen.

The verdict is what the worst failed rule leads to: `refuse`  the release or the evaluation itself
cannot be trusted (broken scores, a canary not told apart, a leak) `reject`  not better, too few
users, worse coverage, popularity bias, calibration, index or cost; the champion stays `hold`
better on the whole, but a guarded group of users is worse off: a person decides `promote` every
rule passed
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from recsys_tasks.config import GateConfig
from recsys_tasks.errors import DataError
from recsys_tasks.gate.canaries import Canaries, Dealt
from recsys_tasks.gate.decision import GateContext, GateDecision, RuleResult, conclude
from recsys_tasks.gate.evaluate import Evaluation
from recsys_tasks.gate.rules.canaries import canary_rules
from recsys_tasks.gate.rules.comparison import against_baseline, against_champion, mean_of
from recsys_tasks.gate.rules.side import Running, side_rules
from recsys_tasks.gate.rules.slices import slice_rules

__all__ = ["Running", "decide"]


def decide(
    challenger: Evaluation,
    champion: Evaluation | None,
    baseline: Evaluation,
    rules: GateConfig,
    context: GateContext,
    *,
    anchor: Evaluation | None = None,
    canaries: Canaries | None = None,
    running: Running | None = None,
    retrieval: Evaluation | None = None,
) -> GateDecision:
    """Apply every rule; none is skipped because an earlier one failed.

    All evaluations are of the same users in the same order; `baseline` is plain popularity;
    `anchor` None: there is none, or the champion is it; `retrieval` is the order that serves until
    there is a champion. Raises DataError when the users differ.
    """
    canaries = canaries or Canaries()
    shuffled = (
        canaries.shuffled.others if isinstance(canaries.shuffled, Dealt) else canaries.shuffled
    )
    _check_users(challenger, champion, baseline, anchor, shuffled, canaries.future, retrieval)
    results = [
        *_judged(challenger, rules, context),
        *canary_rules(challenger, baseline, canaries, rules, context.seed),
    ]
    if _users(challenger):  # without anyone's truth there is nothing to compare
        first = champion is None and context.champion is None
        results += against_baseline(challenger, baseline, rules, context.seed, first=first)
        if champion is not None:
            results += against_champion(challenger, champion, anchor, rules, context)
            results += slice_rules(challenger, champion, rules, context.seed)
    results += side_rules(challenger, champion, running or Running(), rules)
    name = champion.system if champion else context.champion
    serves = (
        _served(challenger, retrieval, baseline, rules)
        if retrieval is not None and name is None
        else None
    )
    return conclude(challenger.system, name, context, tuple(results), serves)


def _served(
    challenger: Evaluation, retrieval: Evaluation, baseline: Evaluation, rules: GateConfig
) -> str | None:
    """What readers get while no release passes, beside what they do not get, in figures."""
    theirs, ours, popular = (mean_of(e, rules.metric) for e in (retrieval, challenger, baseline))
    if math.isnan(theirs):
        return None
    others = ((ours, "this release's"), (popular, "plain popularity's"))
    beside = [
        f"{theirs / other - 1:+.0%} against {whose} {other:.4f}"
        for other, whose in others
        if other > 0
    ]
    words = (
        f"Until a release passes, readers get the order of retrieval: {rules.metric} {theirs:.4f}"
    )
    return f"{words}, {' and '.join(beside)}" if beside else words


def _judged(
    challenger: Evaluation, rules: GateConfig, context: GateContext
) -> Iterator[RuleResult]:
    """Whether there is something to judge, and to judge by."""
    fault = challenger.fault
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
    users = _users(challenger)
    words = f"{users} users did something in the window (at least {rules.min_users})"
    if users == 0:
        words = "nobody did anything in the gate window, so there is nothing to judge by"
    elif users < rules.min_users:
        words = (
            f"only {users} users did something in the window, at least {rules.min_users} are needed"
            " to judge"
        )
    yield RuleResult("min_users", rules.min_users, users, users >= rules.min_users, words)


def _users(challenger: Evaluation) -> int:
    return int(challenger.summary["users"])


def _check_users(first: Evaluation, *others: Evaluation | None) -> None:
    for other in others:
        if other is not None and not np.array_equal(first.users, other.users):
            raise DataError(
                expected=f"the {len(first.users)} users of {first.system}, in their order",
                found=f"{len(other.users)} users, or another order",
                where=f"evaluation of {other.system}",
                remedy="evaluate every system on the same users and window",
            )
