"""Releases against popularity, the champion and the anchor."""

from __future__ import annotations

from datetime import date

import pytest

from recsys_tasks.gate.decision import (
    GateContext,
)
from tests.gate.cases import BASE, NOISE, failed, judge, measured


def test_noise_is_not_a_gain() -> None:
    assert judge(measured("r2", BASE + NOISE - NOISE.mean())).verdict == "reject"


@pytest.mark.parametrize(("age", "verdict"), [(7, "reject"), (8, "promote"), (None, "reject")])
def test_a_release_that_is_not_worse_replaces_an_old_champion(
    age: int | None, verdict: str
) -> None:
    context = GateContext(date(2026, 3, 10), date(2026, 3, 3), champion_age_days=age)
    assert judge(measured("r2", BASE * 0.9995), context=context).verdict == verdict


def test_identical_lists_are_no_difference_however_old_the_champion() -> None:
    context = GateContext(date(2026, 3, 10), date(2026, 3, 3), champion_age_days=90)
    decision = judge(measured("r2", BASE, lists_hash="champion"), context=context)
    assert decision.verdict == "reject" and failed(decision) == {"differs"}
    assert "no difference" in decision.paragraph


def test_first_release_must_beat_popularity() -> None:
    assert judge(measured("r1", BASE), None).promotes
    decision = judge(measured("r1", BASE), None, baseline=measured("popularity", BASE * 1.5))
    assert decision.verdict == "reject" and failed(decision) == {"first_beats_popularity"}
    assert "no release (retrieval order) stays" in decision.paragraph


@pytest.mark.parametrize(("of_ours", "promotes"), [(0.99, True), (1.0, True), (1.02, False)])
def test_first_release_must_not_be_below_the_order_that_it_replaces(
    of_ours: float, promotes: bool
) -> None:
    retrieval = measured("retrieval order", BASE * of_ours)
    decision = judge(measured("r1", BASE), None, retrieval=retrieval)
    assert decision.promotes == promotes
    assert promotes or failed(decision) == {"first_not_below_retrieval"}


def test_a_later_release_is_not_compared_with_the_order_of_retrieval() -> None:
    decision = judge(measured("r2", BASE * 1.2), retrieval=measured("retrieval", BASE * 3))
    assert decision.promotes


def test_later_release_must_not_fall_below_popularity() -> None:
    decision = judge(measured("r2", BASE * 1.2), baseline=measured("popularity", BASE * 2))
    assert decision.verdict == "reject" and failed(decision) == {"not_below_popularity"}


def test_refreshes_that_add_up_to_a_loss_are_stopped_by_the_anchor() -> None:
    old = GateContext(date(2026, 3, 10), date(2026, 3, 3), champion_age_days=8)
    r9 = measured("r9", BASE * 0.9995)
    assert judge(r9, context=old, anchor=measured("r1", BASE)).promotes
    decision = judge(
        r9, context=old, anchor=measured("r1", BASE * 1.03)
    )  # the champion is 3 % below it already
    assert decision.verdict == "reject" and failed(decision) == {"better_or_fresher"}
    assert "would let quality slide: -3.0% against the anchor r1" in decision.paragraph
    gone = GateContext(
        date(2026, 3, 10), date(2026, 3, 3), champion_age_days=8, anchor_fault="its files are gone"
    )
    assert judge(r9, context=gone).verdict == "reject"
    assert judge(
        measured("r9", BASE * 1.2), context=gone, anchor=None
    ).promotes  # better needs no anchor
