"""Rules on what a gain must not be bought with: coverage, popularity bias, calibration, index
recall, cost.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from recsys_tasks.config import GateConfig
from recsys_tasks.gate.calibration import calibration_ratio
from recsys_tasks.gate.decision import RuleResult
from recsys_tasks.gate.evaluate import Evaluation
from recsys_tasks.gate.rules.comparison import number
from recsys_tasks.gate.rules.rule import GateCase, GateRule


def judge(case: GateCase) -> Iterator[RuleResult]:
    """Each bound that is known tonight."""
    challenger, running, rules = case.challenger, case.running, case.rules
    if case.champion is not None:
        yield _coverage(challenger, case.champion, rules)
        yield _popularity_bias(challenger, case.champion, rules)
    # Without a ranker a score only falls with the rank: it is no probability, so there is no
    # calibration to check.
    if running.unranked is not None:
        yield _unranked(running.unranked)
    elif running.scores_are_probabilities:
        yield from _calibration(challenger, rules)
    if running.index_recall is not None:
        fine = running.index_recall >= running.index_floor
        words = (
            f"the index finds {running.index_recall:.1%} of the exact neighbours (at least"
            f" {running.index_floor:.1%})"
        )
        yield RuleResult("index_recall", running.index_floor, running.index_recall, fine, words)
    if running.cost is not None:
        yield _cost(running.cost, running.champion_cost, rules)


def _coverage(challenger: Evaluation, champion: Evaluation, rules: GateConfig) -> RuleResult:
    ours, theirs = (e.summary[_beside(rules, "coverage")] for e in (challenger, champion))
    ratio = ours / theirs if theirs else float("inf")
    words = (
        f"it shows {ours:.1%} of the catalogue, the champion {theirs:.1%} (ratio {ratio:.2f}, at"
        " least "
    )
    words += f"{rules.min_coverage_ratio:.2f})"
    return RuleResult(
        "coverage",
        rules.min_coverage_ratio,
        number(ratio),
        ratio >= rules.min_coverage_ratio,
        words,
    )


def _popularity_bias(challenger: Evaluation, champion: Evaluation, rules: GateConfig) -> RuleResult:
    ours, theirs = (
        e.summary.get(_beside(rules, "popularity_share"), math.nan) for e in (challenger, champion)
    )
    if math.isnan(ours) or math.isnan(theirs):
        words = "without places there is no popularity bias to measure"
        return RuleResult("popularity_bias", rules.max_popularity_rise, None, True, words)
    rise = ours - theirs
    words = (
        f"the most popular 1 % of items take {ours:.1%} of its places, {theirs:.1%} of the"
        " champion's (at most "
    )
    words += f"{rules.max_popularity_rise:.0%} of all places more)"
    return RuleResult(
        "popularity_bias", rules.max_popularity_rise, rise, rise <= rules.max_popularity_rise, words
    )


def _calibration(challenger: Evaluation, rules: GateConfig) -> Iterator[RuleResult]:
    """By itself, and over the rate: of what seldom comes true every score is near the truth by
    itself.
    """
    error = challenger.summary.get("calibration_error")
    if error is None or math.isnan(error) or not challenger.summary["users"]:
        words = "without scores and what came of them, calibration was not measured"
        yield RuleResult("calibration", rules.max_calibration_error, None, True, words)
        return
    words = (
        f"its scores are off by {error:.3f} on average (at most {rules.max_calibration_error:.3f})"
    )
    yield RuleResult(
        "calibration",
        rules.max_calibration_error,
        error,
        error <= rules.max_calibration_error,
        words,
    )
    times, bound = calibration_ratio(challenger.reliability), rules.max_calibration_ratio
    if times is not None:
        words = (
            f"beyond chance they are off by {times:.2f} times the rate of what they say or what"
            " came true, "
        )
        words += f"whichever is less (at most {bound:.2f})"
        yield RuleResult("calibration_ratio", bound, number(times), times <= bound, words)


def _unranked(reason: str) -> RuleResult:
    words = (
        f"it has no ranker ({reason}), so there is nothing to promote: the order of retrieval needs"
        " no release"
    )
    return RuleResult("has_ranker", None, None, False, words)


def _cost(ours: int, theirs: int | None, rules: GateConfig) -> RuleResult:
    if not theirs:
        return RuleResult(
            "cost",
            None,
            ours,
            True,
            f"a list costs {ours:,} tree nodes, with no champion to compare",
        )
    ratio = ours / theirs
    words = (
        f"a list costs {ours:,} tree nodes, the champion's {theirs:,} (ratio {ratio:.2f}, at most "
    )
    words += f"{rules.max_cost_ratio:.2f})"
    return RuleResult("cost", rules.max_cost_ratio, ratio, ratio <= rules.max_cost_ratio, words)


def _beside(rules: GateConfig, name: str) -> str:
    return f"{name}@{rules.metric.split('@')[1]}"


RULE = GateRule(
    name="guardrails",
    guards="no gain at the price of coverage, popularity bias, calibration, index recall or cost",
    judge=judge,
    order=50,
)
