"""The gate's rules: an extension point, one file a family.

Each result says its bound, what was seen and whether it holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from recsys_tasks.extensions import ExtensionPoint
from recsys_tasks.gate.decision import RuleResult
from recsys_tasks.gate.rules.rule import GateCase, GateRule, Running

__all__ = ["GATE_RULES", "GateCase", "GateRule", "Running", "judge_by_every_rule"]


def _check(found: Any) -> None:
    if not isinstance(found, GateRule):
        raise TypeError(f"{found!r} is no GateRule of recsys_tasks.gate.rules")


GATE_RULES: ExtensionPoint[GateRule] = ExtensionPoint(
    what="gate rule",
    group="nightshelf.gate_rules",
    package="recsys_tasks.gate.rules",
    attribute="RULE",
    check=_check,
)


def judge_by_every_rule(case: GateCase) -> tuple[RuleResult, ...]:
    """The results of every rule, in their order; none is skipped because an earlier one failed.

    Raises ConfigError when an installed rule cannot be loaded. One that raises while it judges
    refuses the release: what it guards is not known to hold, and the champion can go on serving.
    """
    found = sorted(GATE_RULES.found.values(), key=lambda one: one.extension.order)
    results: list[RuleResult] = []
    for one in found:
        if one.package:
            results += _of_installed(one.extension, one.package, case)
        else:
            results += one.extension.judge(case)
    return tuple(results)


def _of_installed(rule: GateRule, package: str, case: GateCase) -> Iterator[RuleResult]:
    """What a rule of a user's own package says, under its own name."""
    try:
        results = tuple(rule.judge(case))
        foreign = [r.name for r in results if r.name.partition(":")[0] != rule.name]
        if foreign:
            raise ValueError(f"a result is named {foreign[0]!r}, not {rule.name!r}")
    except Exception as error:
        words = (
            f"the rule {rule.name} of {package} failed ({type(error).__name__}: {error}), so nobody"
            f" knows whether {rule.guards}"
        )
        yield RuleResult(rule.name, None, None, False, words, "refuse")
        return
    yield from results
