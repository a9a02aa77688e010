"""Rules on whether the evaluation can be believed: planted systems are recognised, and nothing
knows the future.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from recsys_tasks.config import GateConfig
from recsys_tasks.errors import offenders
from recsys_tasks.gate.bootstrap import Bootstrap
from recsys_tasks.gate.canaries import Canaries, OwnAndOthers
from recsys_tasks.gate.decision import RuleResult
from recsys_tasks.gate.evaluate import Evaluation
from recsys_tasks.gate.recount import recount_rule
from recsys_tasks.gate.rules.comparison import compare, number
from recsys_tasks.gate.rules.rule import GateCase, GateRule

LEFT = 0.5
"""Part of what was personal one window earlier that a release must leave possible, to be taken for
one of a shop whose users are alike."""


def judge(case: GateCase) -> Iterator[RuleResult]:
    """Every canary that was made; those of evaluations need enough users to say anything."""
    challenger, canaries, rules = case.challenger, case.canaries, case.rules
    seed = case.context.seed
    if challenger.summary["users"] >= rules.min_users:
        if canaries.shuffled is not None:
            yield _shuffled(challenger, canaries.shuffled, canaries.earlier, rules, seed)
        if canaries.future is not None:
            yield from _future(challenger, canaries.future, rules, seed)
        yield _distinguishable(challenger, case.baseline, rules, seed)
    if canaries.recount is not None:
        yield recount_rule(canaries.recount)
    if canaries.columns:
        yield _leaking(canaries, rules)
    if canaries.popularity_overlap is not None and not math.isnan(canaries.popularity_overlap):
        yield _not_popularity(canaries.popularity_overlap, rules)


def _shuffled(
    challenger: Evaluation,
    shuffled: OwnAndOthers | Evaluation,
    earlier: OwnAndOthers | None,
    rules: GateConfig,
    seed: int,
) -> RuleResult:
    """The real truth is distinguished from a shuffled one, unless users are so alike that no
    evaluation could.

    Where a release does as well by other users' truth, either its evaluation is broken or the
    shop's users are alike. The window before, judged on lists that no ranker made, says which: it
    is refused only where more than twice as much was personal beyond chance there as this
    evaluation leaves possible.
    """
    compared = (
        shuffled if isinstance(shuffled, OwnAndOthers) else OwnAndOthers(challenger, shuffled)
    )
    found = compare(compared.own, compared.others, rules, seed)
    sure = found.confidence(0.0)
    if sure >= rules.confidence:
        words = (
            "canary: the real truth is distinguished from one shuffled between users with"
            f" {sure:.1%} confidence"
        )
        return RuleResult(
            "real_beats_shuffled", rules.confidence, number(sure), True, words, "refuse"
        )
    before = compare(earlier.own, earlier.others, rules, seed) if earlier is not None else None
    least = _personal(before, 1 - rules.confidence) if before is not None else None
    most = _personal(found, rules.confidence)
    alike = least is not None and (least <= 0 or most >= LEFT * least)
    words = (
        "canary shuffled labels: the evaluation cannot tell the real truth from one shuffled"
        f" between users ({sure:.1%} confidence, at least {rules.confidence:.1%} wanted), so its"
        " figures mean nothing"
    )
    if alike and least is not None:
        words = (
            f"canary shuffled labels: nothing to say ({sure:.1%} confidence), for users are alike"
            f" here: one window earlier, too, only {max(least, 0.0):.0%} of retrieval's"
            f" {rules.metric} was personal beyond chance"
        )
    elif least is not None:
        words += (
            f"; users do differ here: one window earlier {least:.0%} of retrieval's {rules.metric}"
            f" was personal beyond chance, of this at most {max(most, 0.0):.0%} is"
        )
    return RuleResult("real_beats_shuffled", rules.confidence, number(sure), alike, words, "refuse")


def _personal(found: Bootstrap, quantile: float) -> float:
    """A quantile of the share of the real figure that other users' truth does not give: 1 all, 0
    none of it.
    """
    real = found.gains + found.bases
    share = np.divide(found.gains, real, out=np.zeros(len(real)), where=real > 0)
    return float(np.quantile(share, quantile, method="inverted_cdf")) if len(share) else 0.0


def _future(
    challenger: Evaluation, future: Evaluation, rules: GateConfig, seed: int
) -> Iterator[RuleResult]:
    found = compare(future, challenger, rules, seed)
    sure = found.confidence(0.0)
    seen = sure >= rules.confidence
    words = (
        f"canary: a planted column that knows the window would be seen ({rules.metric}"
        f" {found.challenger:.4f})"
    )
    if not seen:
        words = (
            "canary future feature: lists ordered by a column that knows the window are not"
            f" distinguished from the release's own ({rules.metric} {found.challenger:.4f} and"
            f" {found.champion:.4f}): the evaluation is blind, or the release knows the window"
            " itself"
        )
    yield RuleResult("future_is_seen", rules.confidence, number(sure), seen, words, "refuse")
    share = found.champion / found.challenger if found.challenger > 0 else 0.0
    fine = share <= rules.max_share_of_perfect
    words = f"it reaches {share:.0%} of what its own lists would with the future's items first"
    if not fine:
        words += (
            f", more than {rules.max_share_of_perfect:.0%}: too good to be true, so something in it"
            " knows the window"
        )
    yield RuleResult(
        "not_too_good", rules.max_share_of_perfect, number(share), fine, words, "refuse"
    )


def _distinguishable(
    challenger: Evaluation, baseline: Evaluation, rules: GateConfig, seed: int
) -> RuleResult:
    sure = compare(challenger, baseline, rules, seed).distinguishable()
    distinguishable = sure >= rules.confidence
    words = f"canary: it is distinguishable from plain popularity with {sure:.1%} confidence"
    if not distinguishable:
        words = (
            "canary plain popularity: the evaluation cannot distinguish the release from showing"
            f" everyone the best sellers ({sure:.1%} confidence, at least {rules.confidence:.1%}"
            " wanted)"
        )
    return RuleResult(
        "told_from_popularity", rules.confidence, number(sure), distinguishable, words, "refuse"
    )


def _leaking(canaries: Canaries, rules: GateConfig) -> RuleResult:
    known = {name: auc for name, auc in canaries.columns.items() if not math.isnan(auc)}
    best = max(known, key=lambda name: known[name], default=None)
    guilty = sorted(
        (name for name, auc in known.items() if auc > rules.max_column_auc), key=lambda n: -known[n]
    )
    value = known[best] if best is not None else None
    words = (
        f"no feature alone orders too well (best: {best} with AUC {value:.3f})"
        if best
        else "no feature was judged"
    )
    if guilty:
        words = (
            f"canary future feature: {offenders(guilty)} alone orders what users did next with AUC"
            f" {value:.3f}, more than any honest feature can ({rules.max_column_auc:.2f}): it knows"
            " the window that it is judged on"
        )
    return RuleResult("no_leaking_column", rules.max_column_auc, value, not guilty, words, "refuse")


def _not_popularity(shared: float, rules: GateConfig) -> RuleResult:
    fine = shared <= rules.max_popularity_overlap
    words = f"{shared:.0%} of its places are on the users' popular lists, too"
    if not fine:
        words = f"it is plain popularity: {words} (at most {rules.max_popularity_overlap:.0%})"
    return RuleResult("not_plain_popularity", rules.max_popularity_overlap, shared, fine, words)


RULE = GateRule(
    name="canaries",
    guards="the evaluation recognises planted systems, and nothing knows the future",
    judge=judge,
    order=20,
)
