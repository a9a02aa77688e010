"""Rules that compare the challenger's lists with plain popularity's, the champion's and the
anchor's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from recsys_tasks.config import GateConfig
from recsys_tasks.gate.bootstrap import Bootstrap, paired_bootstrap
from recsys_tasks.gate.decision import GateContext, RuleResult
from recsys_tasks.gate.evaluate import Evaluation
from recsys_tasks.gate.rules.rule import GateCase, GateRule


def compare(one: Evaluation, other: Evaluation, rules: GateConfig, seed: int) -> Bootstrap:
    """The gate's metric of two systems, user by user."""
    return paired_bootstrap(
        one.per_user[rules.metric], other.per_user[rules.metric], rules.bootstrap_samples, seed
    )


def mean_of(system: Evaluation, metric: str) -> float:
    """The metric's mean over users with a truth; NaN without any."""
    values = system.per_user[metric]
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def number(value: float) -> float | None:
    """None for what JSON cannot say."""
    return value if math.isfinite(value) else None


def judge(case: GateCase) -> Iterator[RuleResult]:
    """Against plain popularity, and against the champion, where there is one to be judged."""
    if not case.users:
        return
    first = case.champion is None and case.context.champion is None
    seed = case.context.seed
    yield from _against_baseline(case.challenger, case.baseline, case.rules, seed, first=first)
    if first and case.retrieval is not None:
        yield _against_retrieval(case.challenger, case.retrieval, case.rules)
    if case.champion is not None:
        yield from _against_champion(
            case.challenger, case.champion, case.anchor, case.rules, case.context
        )


def _against_baseline(
    challenger: Evaluation, baseline: Evaluation, rules: GateConfig, seed: int, *, first: bool
) -> Iterator[RuleResult]:
    """A first release must beat plain popularity with confidence; a later one must not be below
    it.
    """
    found = compare(challenger, baseline, rules, seed)
    means = (
        f"{rules.metric} {found.challenger:.4f} against {found.champion:.4f} of plain popularity"
    )
    if first:
        sure = found.confidence(0.0)
        words = (
            f"{means}: better with {sure:.1%} confidence (a first release needs"
            f" {rules.confidence:.1%})"
        )
        yield RuleResult(
            "first_beats_popularity",
            rules.confidence,
            number(sure),
            sure >= rules.confidence,
            words,
        )
    else:
        passed = found.relative >= 0 and found.users > 0
        words = (
            f"{means}:"
            f" {'not worse' if passed else 'worse than showing everyone the same best sellers'}"
        )
        yield RuleResult(
            "not_below_popularity", number(found.champion), number(found.challenger), passed, words
        )


def _against_retrieval(
    challenger: Evaluation, retrieval: Evaluation, rules: GateConfig
) -> RuleResult:
    """A first release must not be below the order of retrieval, which it would replace: neither is
    proven, so the better figure decides.
    """
    theirs, ours = mean_of(retrieval, rules.metric), mean_of(challenger, rules.metric)
    passed = not ours < theirs
    words = (
        f"{rules.metric} {ours:.4f} against {theirs:.4f} of the order of retrieval, which readers"
        f" get without it: {'not worse' if passed else 'worse'}"
    )
    return RuleResult("first_not_below_retrieval", number(theirs), number(ours), passed, words)


def _against_champion(
    challenger: Evaluation,
    champion: Evaluation,
    anchor: Evaluation | None,
    rules: GateConfig,
    context: GateContext,
) -> Iterator[RuleResult]:
    """Better than the champion by the margin; or not worse than an old champion and the anchor."""
    found = compare(challenger, champion, rules, context.seed)
    better, safe = found.confidence(rules.margin), found.confidence(-rules.non_inferior_margin)
    low, high = found.interval(2 * rules.confidence - 1)
    age = context.champion_age_days
    is_better, is_safe = better >= rules.confidence, safe >= rules.confidence
    is_old = age is not None and age > rules.non_inferior_after_days
    means = f"{rules.metric} {found.challenger:.4f} against the champion's {found.champion:.4f}"
    change = (
        f"{found.relative:+.1%}, {2 * rules.confidence - 1:.0%} interval {low:+.1%} to {high:+.1%}"
    )
    words = f"{means} ({change}): a gain above {rules.margin:.1%} has {better:.1%} confidence"
    yield RuleResult("better", rules.confidence, number(better), is_better, words, None)
    words = f"a loss above {rules.non_inferior_margin:.1%} is ruled out with {safe:.1%} confidence"
    yield RuleResult("not_worse", rules.confidence, number(safe), is_safe, words, None)
    words = f"the champion is {'of unknown age' if age is None else f'{age} days old'}"
    yield RuleResult("champion_is_old", rules.non_inferior_after_days, age, is_old, words, None)
    beside_anchor = _against_anchor(challenger, anchor, rules, context)
    yield beside_anchor
    yield _identical(challenger, champion)
    yield _improves(is_better, is_safe and is_old, beside_anchor, f"{means} ({change})", rules)


def _against_anchor(
    challenger: Evaluation, anchor: Evaluation | None, rules: GateConfig, context: GateContext
) -> RuleResult:
    """Small losses of many refreshes in a row must not add up: the challenger is not significantly
    worse than the anchor either.
    """
    name = "not_worse_than_anchor"
    if context.anchor_fault is not None:
        words = (
            f"the anchor cannot be judged ({context.anchor_fault}), so a mere refresh is not"
            " allowed"
        )
        return RuleResult(name, rules.confidence, None, False, words, None)
    if anchor is None:
        return RuleResult(
            name,
            rules.confidence,
            None,
            True,
            "no anchor apart from the champion to compare with",
            None,
        )
    found = compare(challenger, anchor, rules, context.seed)
    safe = found.confidence(-rules.non_inferior_margin)
    words = (
        f"{found.relative:+.1%} against the anchor {anchor.system}, a loss above"
        f" {rules.non_inferior_margin:.1%} "
    )
    words += f"is ruled out with {safe:.1%} confidence"
    return RuleResult(name, rules.confidence, number(safe), safe >= rules.confidence, words, None)


def _improves(
    is_better: bool, refreshes: bool, anchor: RuleResult, means: str, rules: GateConfig
) -> RuleResult:
    old = f"older than {rules.non_inferior_after_days} days"
    if is_better:
        words = f"{means}: better with at least {rules.confidence:.1%} confidence"
    elif refreshes and anchor.passed:
        words = f"{means}: not worse, and the champion is {old}"
    elif refreshes:
        words = (
            f"{means}: not better, and a refresh of a champion {old} would let quality slide:"
            f" {anchor.words}"
        )
    else:
        words = (
            f"{means}: not better with {rules.confidence:.1%} confidence, and not a harmless"
            f" refresh of a champion {old} either"
        )
    return RuleResult(
        "better_or_fresher", None, None, is_better or (refreshes and anchor.passed), words
    )


def _identical(challenger: Evaluation, champion: Evaluation) -> RuleResult:
    same = challenger.lists_hash == champion.lists_hash or challenger.system == champion.system
    words = (
        "no difference: it gives every user the champion's list"
        if same
        else "its lists differ from the champion's"
    )
    return RuleResult("differs", None, None, not same, words)


RULE = GateRule(
    name="comparison",
    guards="a release is better than plain popularity and the champion, or a harmless refresh",
    judge=judge,
    order=30,
)
