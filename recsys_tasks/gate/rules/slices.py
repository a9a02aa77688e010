"""The rule that no guarded group of users is worse off."""

from __future__ import annotations

import math
import zlib

import numpy as np

from recsys_tasks.config import GateConfig
from recsys_tasks.gate.bootstrap import Bootstrap, paired_bootstrap
from recsys_tasks.gate.decision import SLICE, RuleResult
from recsys_tasks.gate.evaluate import Evaluation
from recsys_tasks.gate.rules.comparison import number
from recsys_tasks.gate.rules.rule import GateCase, GateRule


def judge(case: GateCase) -> list[RuleResult]:
    """Compare each guarded group with the champion; no results where there is no champion."""
    if case.champion is None or not case.users:
        return []
    return _guarded(case.challenger, case.champion, case.rules, case.context.seed)


def _guarded(
    challenger: Evaluation, champion: Evaluation, rules: GateConfig, seed: int
) -> list[RuleResult]:
    """One result a guarded group, with Holm's correction: the more groups there are, the more
    significant a group's loss must be.
    """
    alpha = 1 - rules.confidence
    seen = ~np.isnan(challenger.per_user[rules.metric]) & ~np.isnan(champion.per_user[rules.metric])
    large = {
        n: m & seen
        for n, m in challenger.slices.items()
        if (m & seen).sum() >= rules.min_slice_users
    }
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
        harmed = (
            harmed and drawn.relative < -rules.slice_bound and p <= alpha / (len(found) - place)
        )
        results.append(_slice_result(name, drawn, harmed, rules))
    return sorted(results, key=lambda r: r.name)


def _slice_result(name: str, drawn: Bootstrap, harmed: bool, rules: GateConfig) -> RuleResult:
    low, high = drawn.interval(2 * rules.confidence - 1)
    words = (
        f"users with {name} ({drawn.users}): {drawn.relative:+.1%}, interval {low:+.1%} to"
        f" {high:+.1%} (on hold when "
    )
    words += f"significantly below {-rules.slice_bound:+.1%})"
    return RuleResult(
        f"{SLICE}{name}", -rules.slice_bound, number(drawn.relative), not harmed, words, "hold"
    )


RULE = GateRule(
    name="slices", guards="no guarded group of users is worse off", judge=judge, order=40
)
