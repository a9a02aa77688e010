"""Guarded groups of users."""

from __future__ import annotations

import numpy as np

from recsys_tasks.gate.evaluate import Evaluation
from tests.gate.cases import BASE, NOISE, failed, judge, measured


def slice_case(loss: float, size: int) -> Evaluation:
    group = np.arange(400) < size
    return measured(
        "r2",
        BASE * np.where(group, 1 - loss, 1.4),
        slices={"country=DE": group, "all": group | True},
    )


def test_a_guarded_group_that_is_significantly_worse_holds_the_release() -> None:
    decision = judge(slice_case(0.2, 100))
    assert decision.verdict == "hold" and failed(decision) == {"slice:country=DE"}
    assert "country=DE (100): -20.0%" in decision.paragraph and "a person" in decision.paragraph


def test_a_small_loss_or_a_small_group_holds_nothing() -> None:
    assert judge(slice_case(0.04, 100)).promotes
    decision = judge(slice_case(0.2, 49))
    assert decision.promotes and "slice:country=DE" not in {r.name for r in decision.rules}


def test_many_groups_of_noise_hold_nothing() -> None:
    # 60 random halves with noisy differences: uncorrected, some would fall below the bound by luck
    rng = np.random.default_rng(3)
    values = np.clip(BASE * 1.2 + rng.normal(0, 0.3, 400) * (BASE > 0), 0, None)
    groups = {f"group {g:02d}": rng.random(400) < 0.25 for g in range(60)}
    champion = measured("champion", np.full(400, values.mean() * 0.93))
    assert judge(measured("r2", values, slices=groups), champion).verdict != "hold"


def test_same_inputs_same_decision_whatever_the_order_of_groups() -> None:
    groups = {f"g{g}": np.arange(400) % 4 == g for g in range(4)}
    one = judge(measured("r2", BASE * 1.1 + NOISE, slices=groups))
    two = judge(measured("r2", BASE * 1.1 + NOISE, slices=dict(reversed(groups.items()))))
    assert one == two
