"""Rules on whether the evaluation can be believed: planted systems are told apart, and nothing knows the future."""

from __future__ import annotations

import math
from collections.abc import Iterator

from recsys_tasks.config import GateConfig
from recsys_tasks.errors import offenders
from recsys_tasks.release._comparison_rules import compare, number
from recsys_tasks.release.canaries import Canaries
from recsys_tasks.release.decision import RuleResult
from recsys_tasks.release.evaluate import Evaluation


def canary_rules(
    challenger: Evaluation, baseline: Evaluation, canaries: Canaries, rules: GateConfig, seed: int
) -> Iterator[RuleResult]:
    """Every canary that was made; those of evaluations need enough users to say anything."""
    if challenger.summary["users"] >= rules.min_users:
        if canaries.shuffled is not None:
            yield _shuffled(challenger, canaries.shuffled, rules, seed)
        if canaries.future is not None:
            yield from _future(challenger, canaries.future, rules, seed)
        yield _told_from_popularity(challenger, baseline, rules, seed)
    if canaries.columns:
        yield _leaking(canaries, rules)
    if canaries.popularity_overlap is not None and not math.isnan(canaries.popularity_overlap):
        yield _not_popularity(canaries.popularity_overlap, rules)


def _shuffled(challenger: Evaluation, shuffled: Evaluation, rules: GateConfig, seed: int) -> RuleResult:
    sure = compare(challenger, shuffled, rules, seed).confidence(0.0)
    told = sure >= rules.confidence
    words = f"canary: the real truth is told from one shuffled between users with {sure:.1%} confidence"
    if not told:
        words = (
            f"canary shuffled labels: the evaluation cannot tell the real truth from one shuffled between users "
            f"({sure:.1%} confidence, at least {rules.confidence:.1%} wanted), so its figures mean nothing"
        )
    return RuleResult("real_beats_shuffled", rules.confidence, number(sure), told, words, "refuse")


def _future(challenger: Evaluation, future: Evaluation, rules: GateConfig, seed: int) -> Iterator[RuleResult]:
    found = compare(future, challenger, rules, seed)
    sure = found.confidence(0.0)
    seen = sure >= rules.confidence
    words = f"canary: a planted column that knows the window would be seen ({rules.metric} {found.challenger:.4f})"
    if not seen:
        words = (
            f"canary future feature: lists ordered by a column that knows the window are not told from the release's "
            f"own ({rules.metric} {found.challenger:.4f} and {found.champion:.4f}): the evaluation is blind, or the "
            "release knows the window itself"
        )
    yield RuleResult("future_is_seen", rules.confidence, number(sure), seen, words, "refuse")
    share = found.champion / found.challenger if found.challenger > 0 else 0.0
    fine = share <= rules.max_share_of_perfect
    words = f"it reaches {share:.0%} of what its own lists would with the future's items first"
    if not fine:
        words += (
            f", more than {rules.max_share_of_perfect:.0%}: too good to be true, so something in it knows the window"
        )
    yield RuleResult("not_too_good", rules.max_share_of_perfect, number(share), fine, words, "refuse")


def _told_from_popularity(challenger: Evaluation, baseline: Evaluation, rules: GateConfig, seed: int) -> RuleResult:
    sure = compare(challenger, baseline, rules, seed).told_apart()
    told = sure >= rules.confidence
    words = f"canary: it is told from plain popularity with {sure:.1%} confidence"
    if not told:
        words = (
            f"canary plain popularity: the evaluation cannot tell the release from showing everyone the best sellers "
            f"({sure:.1%} confidence, at least {rules.confidence:.1%} wanted)"
        )
    return RuleResult("told_from_popularity", rules.confidence, number(sure), told, words, "refuse")


def _leaking(canaries: Canaries, rules: GateConfig) -> RuleResult:
    known = {name: auc for name, auc in canaries.columns.items() if not math.isnan(auc)}
    best = max(known, key=lambda name: known[name], default=None)
    guilty = sorted((name for name, auc in known.items() if auc > rules.max_column_auc), key=lambda n: -known[n])
    value = known[best] if best is not None else None
    words = f"no feature alone orders too well (best: {best} with AUC {value:.3f})" if best else "no feature was judged"
    if guilty:
        words = (
            f"canary future feature: {offenders(guilty)} alone orders what users did next with AUC {value:.3f}, more "
            f"than any honest feature can ({rules.max_column_auc:.2f}): it knows the window that it is judged on"
        )
    return RuleResult("no_leaking_column", rules.max_column_auc, value, not guilty, words, "refuse")


def _not_popularity(shared: float, rules: GateConfig) -> RuleResult:
    fine = shared <= rules.max_popularity_overlap
    words = f"{shared:.0%} of its places are on the users' popular lists, too"
    if not fine:
        words = f"it is plain popularity: {words} (at most {rules.max_popularity_overlap:.0%})"
    return RuleResult("not_plain_popularity", rules.max_popularity_overlap, shared, fine, words)
