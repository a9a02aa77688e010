"""Whether a challenger replaces the champion: a decision that lists each rule's bound and value.

The verdict is what the worst failed rule leads to:

- `refuse`: the release or the evaluation itself cannot be trusted (broken scores, a canary not
  recognised, a leak);
- `reject`: not better, too few users, worse coverage, popularity bias, calibration, index or cost;
  the champion stays;
- `hold`: better on the whole, but a guarded group of users is worse off: a person decides;
- `promote`: every rule passed.
"""

from __future__ import annotations

import math

import numpy as np

from recsys_tasks.config import GateConfig
from recsys_tasks.errors import DataError
from recsys_tasks.gate.canaries import OwnAndOthers
from recsys_tasks.gate.decision import GateDecision, conclude
from recsys_tasks.gate.evaluate import Evaluation
from recsys_tasks.gate.rules import GateCase, judge_by_every_rule
from recsys_tasks.gate.rules.comparison import mean_of


def decide(case: GateCase) -> GateDecision:
    """Apply every rule, built in and installed; see `gate.rules` for what each of them guards.

    Raises DataError when the evaluations are of different users, ConfigError when an installed rule
    cannot be loaded.
    """
    shuffled = case.canaries.shuffled
    _check_users(
        case.challenger,
        case.champion,
        case.baseline,
        case.anchor,
        shuffled.others if isinstance(shuffled, OwnAndOthers) else shuffled,
        case.canaries.future,
        case.retrieval,
    )
    results = judge_by_every_rule(case)
    name = case.champion.system if case.champion else case.context.champion
    served = None
    if case.retrieval is not None and name is None:
        served = _served_until_promotion(case.challenger, case.retrieval, case.baseline, case.rules)
    return conclude(case.challenger.system, name, case.context, results, served)


def _served_until_promotion(
    challenger: Evaluation, retrieval: Evaluation, baseline: Evaluation, rules: GateConfig
) -> str | None:
    """A sentence on the order of retrieval, which readers get until a release passes: its metric
    beside the challenger's and plain popularity's; None where it was not measured.
    """
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


def _check_users(first: Evaluation, *others: Evaluation | None) -> None:
    for other in others:
        if other is not None and not np.array_equal(first.users, other.users):
            raise DataError(
                expected=f"the {len(first.users)} users of {first.system}, in their order",
                found=f"{len(other.users)} users, or another order",
                where=f"evaluation of {other.system}",
                remedy="evaluate every system on the same users and window",
            )
