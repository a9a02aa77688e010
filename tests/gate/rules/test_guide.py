"""The gate rule of docs/extending.md, and rules of installed packages in general."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recsys_tasks.extensions import Found
from recsys_tasks.gate.decide import decide
from recsys_tasks.gate.decision import GateDecision, RuleResult
from recsys_tasks.gate.rules import GATE_RULES, GateCase, GateRule
from tests.gate.cases import BASE, CHAMPION, CONTEXT, POPULARITY, RULES, measured
from tests.guide import installed

CASE = GateCase(
    measured("r2", BASE * 1.2, summary={"novelty@10": 0.5}),
    replace(CHAMPION, summary={**CHAMPION.summary, "novelty@10": 0.4}),
    POPULARITY,
    RULES,
    CONTEXT,
)


def test_the_rule_of_the_guide_stands_in_the_decision_and_keeps_a_release_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = decide(CASE)
    assert alone.promotes
    with installed("Gate rule", GATE_RULES, tmp_path, monkeypatch) as name:
        held = decide(CASE)
        usual = replace(CASE, challenger=measured("r2", BASE * 1.2, summary={"novelty@10": 0.4}))
        assert decide(usual).promotes
        # A good word of it does not save what another rule finds.
        worse = measured("r2", BASE * 0.9, summary={"novelty@10": 0.4})
        assert decide(replace(CASE, challenger=worse)).verdict == "reject"
    assert held.verdict == "hold" and held.rules[:-1] == alone.rules
    assert held.rules[-1].name == name and held.rules[-1].value == pytest.approx(0.25)
    assert "+25% more novel than the champion's (at most 20%)" in held.paragraph
    assert decide(CASE) == alone  # uninstalled


def with_rule(monkeypatch: pytest.MonkeyPatch, *results: RuleResult | Exception) -> GateDecision:
    """The decision beside an installed rule `own` that says or raises this."""

    def judge(case: GateCase) -> list[RuleResult]:
        for result in results:
            if isinstance(result, Exception):
                raise result
        return [result for result in results if isinstance(result, RuleResult)]

    own = Found(GateRule("own", "lists stay as they are", judge, order=0), "my_shop", "my-shop 1.0")
    monkeypatch.setitem(vars(GATE_RULES), "found", {**GATE_RULES.found, "own": own})
    return decide(CASE)


def test_a_rule_that_fails_refuses_and_does_not_end_the_night(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decision = with_rule(monkeypatch, KeyError("novelty@20"))
    assert decision.verdict == "refuse"
    assert "the rule own of my-shop 1.0 failed (KeyError: 'novelty@20')" in decision.paragraph


def test_a_rule_speaks_under_its_own_name_only(monkeypatch: pytest.MonkeyPatch) -> None:
    decision = with_rule(monkeypatch, RuleResult("better", 0.0, 1.0, True, "it is better"))
    assert decision.verdict == "refuse" and "a result is named 'better'" in decision.paragraph
    assert sum(rule.name == "better" for rule in decision.rules) == 1
    parts = [RuleResult(f"own:{n}", None, float(n), True, "fine") for n in range(2)]
    assert with_rule(monkeypatch, *parts).promotes


def test_every_built_in_rule_is_named_by_its_file_and_judges_in_its_place() -> None:
    found = GATE_RULES.found
    assert [one.module.rpartition(".")[2] for one in found.values()] == list(found)
    order = sorted(GATE_RULES, key=lambda rule: rule.order)
    expected = ["evaluation", "canaries", "comparison", "slices", "guardrails"]
    assert [rule.name for rule in order] == expected
    assert np.unique([rule.order for rule in order]).size == len(order)
