"""Whether a challenger replaces the champion: a value with every rule, its bound and what was seen.

The verdict is what the worst failed rule leads to:
`refuse`  the release or the evaluation itself cannot be trusted (broken scores, canary not told apart)
`reject`  not better, too few users, worse coverage or calibration; the champion stays
`hold`    better on the whole, but a guarded group of users is worse off: a person decides
`promote` every rule passed
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator

import numpy as np

from recsys_tasks.config import GateConfig
from recsys_tasks.errors import DataError
from recsys_tasks.release.bootstrap import Bootstrap, paired_bootstrap
from recsys_tasks.release.decision import SLICE, GateContext, GateDecision, RuleResult, conclude
from recsys_tasks.release.evaluate import Evaluation


def decide(
    challenger: Evaluation,
    champion: Evaluation | None,
    baseline: Evaluation,
    rules: GateConfig,
    context: GateContext,
    *,
    shuffled: Evaluation | None = None,
) -> GateDecision:
    """Apply every rule; none is skipped because an earlier one failed.

    All evaluations are of the same users in the same order; `baseline` is plain popularity; `shuffled`
    is the challenger against `shuffled_truth`. Raises DataError when the users differ.
    """
    _check_users(challenger, champion, baseline, shuffled)
    results = [
        *_trust(challenger, shuffled, rules, context.seed),
        *_enough(challenger, rules),
        _calibration(challenger, rules),
    ]
    if _users(challenger):  # without anyone's truth there is nothing to compare
        results += _against_baseline(challenger, champion, baseline, rules, context.seed)
    if _users(challenger) and champion:
        results += _against_champion(challenger, champion, rules, context)
        results += _slices(challenger, champion, rules, context.seed)
    return conclude(challenger.system, champion.system if champion else None, context, tuple(results))


# --- the rules ---------------------------------------------------------------------------------


def _trust(challenger: Evaluation, shuffled: Evaluation | None, rules: GateConfig, seed: int) -> Iterator[RuleResult]:
    fault = challenger.fault
    words = "all scores are numbers in [0, 1]" if fault is None else f"its scores are broken: {fault}"
    yield RuleResult("scores_in_range", None, None, fault is None, words, "refuse")
    if shuffled is not None and _users(challenger) >= rules.min_users:
        sure = _compare(challenger, shuffled, rules, seed).confidence(0.0)
        told = sure >= rules.confidence
        words = (
            f"the real truth is told from a shuffled one with {sure:.0%} confidence (at least {rules.confidence:.0%})"
            if told
            else f"the evaluation cannot tell the real truth from one shuffled between users ({sure:.0%} confidence, "
            f"at least {rules.confidence:.0%} wanted), so its figures mean nothing"
        )
        yield RuleResult("real_beats_shuffled", rules.confidence, sure, told, words, "refuse")


def _enough(challenger: Evaluation, rules: GateConfig) -> Iterator[RuleResult]:
    users = _users(challenger)
    words = f"{users} users did something in the window (at least {rules.min_users})"
    if users == 0:
        words = "nobody did anything in the gate window, so there is nothing to judge by"
    elif users < rules.min_users:
        words = f"only {users} users did something in the window, at least {rules.min_users} are needed to judge"
    yield RuleResult("min_users", rules.min_users, users, users >= rules.min_users, words)


def _against_baseline(
    challenger: Evaluation, champion: Evaluation | None, baseline: Evaluation, rules: GateConfig, seed: int
) -> Iterator[RuleResult]:
    found = _compare(challenger, baseline, rules, seed)
    means = f"{rules.metric} {found.challenger:.4f} against {found.champion:.4f} of plain popularity"
    if champion is None:
        sure = found.confidence(0.0)
        words = f"{means}: better with {sure:.0%} confidence (a first release needs {rules.confidence:.0%})"
        yield RuleResult("first_beats_popularity", rules.confidence, _number(sure), sure >= rules.confidence, words)
    else:
        passed = found.relative >= 0 and found.users > 0
        words = f"{means}: {'not worse' if passed else 'worse than showing everyone the same best sellers'}"
        yield RuleResult("not_below_popularity", _number(found.champion), _number(found.challenger), passed, words)


def _against_champion(
    challenger: Evaluation, champion: Evaluation, rules: GateConfig, context: GateContext
) -> Iterator[RuleResult]:
    found = _compare(challenger, champion, rules, context.seed)
    better, safe = found.confidence(rules.margin), found.confidence(-rules.non_inferior_margin)
    low, high = found.interval(2 * rules.confidence - 1)
    age = context.champion_age_days
    is_better, is_safe = better >= rules.confidence, safe >= rules.confidence
    is_old = age is not None and age > rules.non_inferior_after_days
    means = f"{rules.metric} {found.challenger:.4f} against the champion's {found.champion:.4f}"
    change = f"{found.relative:+.1%}, {2 * rules.confidence - 1:.0%} interval {low:+.1%} to {high:+.1%}"
    words = f"{means} ({change}): a gain above {rules.margin:.1%} has {better:.0%} confidence"
    yield RuleResult("better", rules.confidence, _number(better), is_better, words, None)
    words = f"a loss above {rules.non_inferior_margin:.1%} is ruled out with {safe:.0%} confidence"
    yield RuleResult("not_worse", rules.confidence, _number(safe), is_safe, words, None)
    words = f"the champion is {'of unknown age' if age is None else f'{age} days old'}"
    yield RuleResult("champion_is_old", rules.non_inferior_after_days, age, is_old, words, None)
    yield _identical(challenger, champion)
    yield _improves(is_better, is_safe and is_old, f"{means} ({change})", rules)
    yield _coverage(challenger, champion, rules)


def _improves(is_better: bool, refreshes: bool, means: str, rules: GateConfig) -> RuleResult:
    if is_better:
        words = f"{means}: better with at least {rules.confidence:.0%} confidence"
    elif refreshes:
        words = f"{means}: not worse, and the champion is older than {rules.non_inferior_after_days} days"
    else:
        words = (
            f"{means}: not better with {rules.confidence:.0%} confidence, and not a harmless refresh of a champion "
            f"older than {rules.non_inferior_after_days} days either"
        )
    return RuleResult("better_or_fresher", None, None, is_better or refreshes, words)


def _identical(challenger: Evaluation, champion: Evaluation) -> RuleResult:
    same = challenger.lists_hash == champion.lists_hash or challenger.system == champion.system
    words = "no difference: it gives every user the champion's list" if same else "its lists differ from the champion's"
    return RuleResult("differs", None, None, not same, words)


def _coverage(challenger: Evaluation, champion: Evaluation, rules: GateConfig) -> RuleResult:
    ours, theirs = (e.summary[_beside(rules, "coverage")] for e in (challenger, champion))
    ratio = ours / theirs if theirs else float("inf")
    words = f"it shows {ours:.1%} of the catalogue, the champion {theirs:.1%} (ratio {ratio:.2f}, at least "
    words += f"{rules.min_coverage_ratio:.2f})"
    return RuleResult("coverage", rules.min_coverage_ratio, _number(ratio), ratio >= rules.min_coverage_ratio, words)


def _calibration(challenger: Evaluation, rules: GateConfig) -> RuleResult:
    error = challenger.summary.get("calibration_error")
    if error is None or math.isnan(error):
        words = "its scores are not probabilities, so calibration was not measured"
        return RuleResult("calibration", rules.max_calibration_error, None, True, words)
    words = f"its scores are off by {error:.3f} on average (at most {rules.max_calibration_error:.3f})"
    return RuleResult("calibration", rules.max_calibration_error, error, error <= rules.max_calibration_error, words)


def _slices(challenger: Evaluation, champion: Evaluation, rules: GateConfig, seed: int) -> list[RuleResult]:
    """Guarded groups, Holm's correction over them: the more groups, the surer each loss must be."""
    alpha = 1 - rules.confidence
    seen = ~np.isnan(challenger.per_user[rules.metric]) & ~np.isnan(champion.per_user[rules.metric])
    large = {n: m & seen for n, m in challenger.slices.items() if (m & seen).sum() >= rules.min_slice_users}
    # Enough samples that the smallest level, alpha / groups, lies above one sample.
    samples = max(rules.bootstrap_samples, math.ceil(4 * len(large) / alpha))
    found: list[tuple[float, str, Bootstrap]] = []
    for name, mask in large.items():
        pair = [e.per_user[rules.metric][mask] for e in (challenger, champion)]
        drawn = paired_bootstrap(pair[0], pair[1], samples, seed=seed + zlib.crc32(name.encode()))
        inside = drawn.confidence(-rules.slice_bound)
        found.append(((inside * samples + 1) / (samples + 1), name, drawn))
    results, harmed = [], True
    for place, (p, name, drawn) in enumerate(sorted(found, key=lambda f: (f[0], f[1]))):
        harmed = harmed and drawn.relative < -rules.slice_bound and p <= alpha / (len(found) - place)
        results.append(_slice_result(name, drawn, harmed, rules))
    return sorted(results, key=lambda r: r.name)


def _slice_result(name: str, drawn: Bootstrap, harmed: bool, rules: GateConfig) -> RuleResult:
    low, high = drawn.interval(2 * rules.confidence - 1)
    words = f"users with {name} ({drawn.users}): {drawn.relative:+.1%}, interval {low:+.1%} to {high:+.1%} (held when "
    words += f"surely below {-rules.slice_bound:+.1%})"
    return RuleResult(f"{SLICE}{name}", -rules.slice_bound, _number(drawn.relative), not harmed, words, "hold")


# --- small things ------------------------------------------------------------------------------


def _compare(one: Evaluation, other: Evaluation, rules: GateConfig, seed: int) -> Bootstrap:
    return paired_bootstrap(one.per_user[rules.metric], other.per_user[rules.metric], rules.bootstrap_samples, seed)


def _users(challenger: Evaluation) -> int:
    return int(challenger.summary["users"])


def _beside(rules: GateConfig, name: str) -> str:
    return f"{name}@{rules.metric.split('@')[1]}"


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _check_users(first: Evaluation, *others: Evaluation | None) -> None:
    for other in others:
        if other is not None and not np.array_equal(first.users, other.users):
            raise DataError(
                expected=f"the {len(first.users)} users of {first.system}, in their order",
                found=f"{len(other.users)} users, or another order",
                where=f"evaluation of {other.system}",
                remedy="evaluate every system on the same users and window",
            )
