"""Every verdict of the gate, from literal per-user metrics."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recsys_tasks.config import GateConfig
from recsys_tasks.errors import DataError
from recsys_tasks.gate.canaries import Canaries, Dealt
from recsys_tasks.gate.decide import decide
from recsys_tasks.gate.decision import (
    GateContext,
    GateDecision,
    not_judged,
    read_decision,
    write_decision,
)
from recsys_tasks.gate.evaluate import Evaluation
from recsys_tasks.gate.recount import Counted, Recount
from recsys_tasks.gate.rules import GateCase, Running
from recsys_tasks.lake import Lake

RULES = GateConfig(confidence=0.95, min_users=50, min_slice_users=50, bootstrap_samples=400)
RNG = np.random.default_rng(1)
BASE = np.where(RNG.random(400) < 0.5, 0, RNG.random(400)) * 0.5
NOISE = RNG.normal(0, 0.02, 400)
CONTEXT = GateContext(date(2026, 3, 10), date(2026, 3, 3), champion_age_days=3)


def measured(system: str, values: Any, **changes: Any) -> Evaluation:
    values = np.asarray(values, float)
    users = int((~np.isnan(values)).sum())
    summary = {"ndcg@10": 0.0, "users": float(users), "coverage@10": 0.4, "calibration_error": 0.01}
    return Evaluation(
        system=system,
        users=np.arange(len(values), dtype=np.int32),
        per_user={"ndcg@10": values},
        summary=summary | changes.pop("summary", {}),
        slices=changes.pop("slices", {}),
        lists_hash=changes.pop("lists_hash", system),
        **changes,
    )


CHAMPION = measured("champion", BASE)
POPULARITY = measured("popularity", BASE * 0.5)


def judge(
    challenger: Evaluation, champion: Evaluation | None = CHAMPION, **changes: Any
) -> GateDecision:
    context = changes.pop("context", CONTEXT)
    baseline = changes.pop("baseline", POPULARITY)
    return decide(GateCase(challenger, champion, baseline, RULES, context, **changes))


def failed(decision: GateDecision) -> set[str]:
    return {r.name for r in decision.rules if not r.passed and r.leads_to}


def test_clearly_better_is_promoted_and_says_why() -> None:
    decision = judge(measured("r2", BASE * 1.2))
    assert decision.promotes and not failed(decision)
    assert decision.paragraph.startswith(
        "Release r2 was promoted over champion, judged on what users did from 2026-03-03"
    )
    assert "+20.0%" in decision.paragraph
    by_name = {r.name: r for r in decision.rules}
    assert by_name["better"].bound == 0.95 and by_name["better"].value == 1.0
    assert by_name["coverage"].bound == 0.5 and by_name["coverage"].value == 1.0
    assert by_name["calibration"].value == 0.01 and by_name["min_users"].value == 400


def test_worse_is_rejected() -> None:
    decision = judge(measured("r2", BASE * 0.9))
    assert decision.verdict == "reject" and failed(decision) == {"better_or_fresher"}
    assert "rejected and champion stays" in decision.paragraph and "-10.0%" in decision.paragraph


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


def test_an_evaluation_that_cannot_tell_plain_popularity_is_refused() -> None:
    decision = judge(
        measured("r1", BASE), None, baseline=measured("popularity", BASE + NOISE - NOISE.mean())
    )
    assert decision.verdict == "refuse" and "told_from_popularity" in failed(decision)
    assert "canary plain popularity: the evaluation cannot distinguish" in decision.paragraph


def test_a_challenger_that_is_popularity_is_named_so() -> None:
    decision = judge(measured("r2", BASE * 1.2), canaries=Canaries(popularity_overlap=0.99))
    assert decision.verdict == "reject" and failed(decision) == {"not_plain_popularity"}
    assert "it is plain popularity: 99% of its places" in decision.paragraph
    assert judge(measured("r2", BASE * 1.2), canaries=Canaries(popularity_overlap=0.4)).promotes


def test_later_release_must_not_fall_below_popularity() -> None:
    decision = judge(measured("r2", BASE * 1.2), baseline=measured("popularity", BASE * 2))
    assert decision.verdict == "reject" and failed(decision) == {"not_below_popularity"}


def test_empty_window_is_rejected_in_words() -> None:
    nothing = np.full(400, np.nan)
    decision = judge(
        measured("r2", nothing),
        measured("champion", nothing),
        baseline=measured("popularity", nothing),
    )
    assert decision.verdict == "reject" and failed(decision) == {
        "min_users"
    }  # no canary can say anything either
    assert (
        "nobody did anything in the gate window" in decision.paragraph
        and "nan" not in decision.paragraph
    )


def test_too_few_users_promote_nothing() -> None:
    few = np.where(np.arange(400) < 49, BASE, np.nan)
    decision = judge(measured("r2", few * 2), measured("champion", few))
    assert decision.verdict == "reject" and "min_users" in failed(decision)
    assert "only 49 users" in decision.paragraph


def test_broken_scores_are_refused_whatever_the_gain() -> None:
    decision = judge(measured("r2", BASE * 2, fault="3 scores are NaN"))
    assert decision.verdict == "refuse" and "3 scores are NaN" in decision.paragraph


def test_evaluation_that_cannot_tell_shuffled_from_real_is_refused() -> None:
    r2 = measured("r2", BASE * 1.2)
    assert judge(r2, canaries=Canaries(shuffled=measured("shuffled", BASE * 0.1))).promotes
    decision = judge(
        r2, canaries=Canaries(shuffled=measured("shuffled", RNG.permutation(BASE * 1.2)))
    )
    assert decision.verdict == "refuse" and failed(decision) == {"real_beats_shuffled"}
    assert "canary shuffled labels" in decision.paragraph


R2 = measured("r2", BASE * 1.2)
MIXED = measured("shuffled", RNG.permutation(BASE * 1.2))
"""By the truth of other users as good as by the own."""


def earlier(left: float) -> Dealt:
    """One window earlier, other users: this part of the figure is left by others' truth."""
    return Dealt(measured("real", BASE[:300]), measured("shuffled", BASE[:300] * left))


def test_where_users_are_alike_shuffled_labels_have_nothing_to_say() -> None:
    decision = judge(R2, canaries=Canaries(shuffled=Dealt(R2, MIXED), earlier=earlier(0.97)))
    assert decision.promotes
    assert "nothing to say" in decision.paragraph and "users are alike here" in decision.paragraph
    reversed_ = judge(R2, canaries=Canaries(shuffled=Dealt(R2, MIXED), earlier=earlier(1.3)))
    assert (
        reversed_.promotes
        and "only 0% of retrieval's ndcg@10 was personal beyond chance" in reversed_.paragraph
    )


def test_where_users_differ_an_evaluation_that_does_not_tell_them_apart_is_refused() -> None:
    decision = judge(R2, canaries=Canaries(shuffled=Dealt(R2, MIXED), earlier=earlier(0.1)))
    assert decision.verdict == "refuse" and failed(decision) == {"real_beats_shuffled"}
    assert (
        "users do differ here: one window earlier 90% of retrieval's ndcg@10" in decision.paragraph
    )


def test_an_evaluation_that_comes_out_otherwise_when_counted_again_is_refused() -> None:
    fine = Recount(
        truth=Counted(400), figures=Counted(400), lists=Counted(50, 5), claims=Counted(50, 5)
    )
    decision = judge(R2, canaries=Canaries(recount=fine))  # a tenth of the lists: near ties
    assert (
        decision.promotes
        and "it comes out the same (truth of 400, figures of 400, lists of 50" in decision.paragraph
    )
    for recount, words in (
        (Recount(truth=Counted(400, 1)), "what 1 of 400 users are said to have done"),
        (Recount(delivered=Counted(400, 2)), "no delivered row of theirs says"),
        (Recount(labels=Counted(90, 1)), "the labels of 1 of 90 users"),
        (Recount(history=Counted(400, 1)), "the features of 1 of 400 users know other events"),
        (Recount(figures=Counted(400, 3)), "the figures of 3 of 400 users"),
        (Recount(lists=Counted(50, 6)), "6 of 50 users were measured by another list"),
        (Recount(claims=Counted(50, 6)), "items or scores that the release does not give them"),
    ):
        decision = judge(R2, canaries=Canaries(recount=recount))
        assert decision.verdict == "refuse" and failed(decision) == {"recount_agrees"}
        assert words in decision.paragraph


def test_a_first_release_that_is_refused_says_what_readers_get_instead() -> None:
    retrieval = measured("retrieval order", BASE * 0.8)
    broken = Canaries(recount=Recount(truth=Counted(9, 9)))
    decision = judge(R2, None, canaries=broken, retrieval=retrieval)
    mean = BASE.mean()  # .8 of it is a third less than 1.2 of it, and .6 more than half of it
    assert (
        decision.served
        == f"Until a release passes, readers get the order of retrieval: ndcg@10 {0.8 * mean:.4f},"
        f" -33% against this release's {1.2 * mean:.4f} and +60% against plain popularity's"
        f" {0.5 * mean:.4f}"
    )
    assert decision.paragraph.endswith(f"{decision.served}.")
    assert judge(R2, None, retrieval=retrieval).served is None  # promoted: it serves
    assert judge(R2, canaries=broken, retrieval=retrieval).served is None  # the champion stays


def test_an_evaluation_that_does_not_see_the_future_is_refused() -> None:
    r2 = measured("r2", BASE * 1.2)
    assert judge(r2, canaries=Canaries(future=measured("future", BASE * 2))).promotes
    decision = judge(r2, canaries=Canaries(future=measured("future", BASE * 1.2)))
    assert decision.verdict == "refuse" and failed(decision) == {"future_is_seen", "not_too_good"}
    assert "canary future feature" in decision.paragraph


def test_a_release_as_good_as_one_that_knows_the_future_is_refused() -> None:
    decision = judge(
        measured("r2", BASE * 1.2), canaries=Canaries(future=measured("future", BASE * 1.25))
    )
    assert decision.verdict == "refuse" and failed(decision) == {"not_too_good"}
    assert "it reaches 96% of what its own lists would" in decision.paragraph


def test_a_leaking_column_is_refused_by_name() -> None:
    columns = {"user_days": 0.6, "pair_next_week": 0.999, "unknown": float("nan")}
    decision = judge(measured("r2", BASE * 1.2), canaries=Canaries(columns=columns))
    assert decision.verdict == "refuse" and failed(decision) == {"no_leaking_column"}
    assert "'pair_next_week' alone orders what users did next with AUC 0.999" in decision.paragraph
    assert judge(measured("r2", BASE * 1.2), canaries=Canaries(columns={"user_days": 0.9})).promotes


def test_calibration_and_coverage_are_bounds() -> None:
    decision = judge(
        measured("r2", BASE * 1.2, summary={"calibration_error": 0.051, "coverage@10": 0.19})
    )
    assert decision.verdict == "reject" and failed(decision) == {"calibration", "coverage"}
    assert judge(
        measured("r2", BASE * 1.2, summary={"calibration_error": 0.05, "coverage@10": 0.2})
    ).promotes


def test_popularity_bias_index_and_cost_are_bounds() -> None:
    r2, champion = BASE * 1.2, measured("champion", BASE, summary={"popularity_share@10": 0.2})
    biased = judge(measured("r2", r2, summary={"popularity_share@10": 0.31}), champion)
    assert biased.verdict == "reject" and failed(biased) == {"popularity_bias"}
    assert (
        "the most popular 1 % of items take 31.0% of its places, 20.0% of the champion's"
        in biased.paragraph
    )
    assert judge(measured("r2", r2, summary={"popularity_share@10": 0.29}), champion).promotes
    blind = judge(measured("r2", r2), running=Running(index_recall=0.9, index_floor=0.95))
    assert blind.verdict == "reject" and failed(blind) == {"index_recall"}
    bare = judge(
        measured("r2", r2, summary={"calibration_error": 0.3}),
        running=Running(unranked="too little history"),
    )
    assert (
        bare.verdict == "reject"
        and failed(bare) == {"has_ranker"}
        and "too little history" in bare.paragraph
    )
    dear = judge(
        measured("r2", r2), running=Running(1.0, 0.95, cost=2_100_000, champion_cost=1_000_000)
    )
    assert (
        dear.verdict == "reject"
        and failed(dear) == {"cost"}
        and "ratio 2.10, at most 2.00" in dear.paragraph
    )
    assert judge(
        measured("r2", r2), running=Running(1.0, 0.95, cost=2_000_000, champion_cost=1_000_000)
    ).promotes


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


def test_a_champion_that_cannot_be_judged_is_a_verdict() -> None:
    context = GateContext(
        date(2026, 3, 10), date(2026, 3, 3), champion="r1", champion_fault="artifact r1: gone"
    )
    decision = judge(measured("r2", BASE), None, context=context)
    assert decision.verdict == "refuse" and failed(decision) == {"champion_can_be_judged"}
    assert decision.champion == "r1" and "the champion r1 cannot be judged" in decision.paragraph


def test_nothing_is_worse_off_than_a_broken_score() -> None:
    decision = judge(
        measured("r2", BASE * 1.2, fault="3 scores are NaN and 0 lie outside [0, 1], of 400")
    )
    assert decision.verdict == "refuse" and "3 scores are NaN" in decision.paragraph


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


def test_other_users_are_an_error() -> None:
    with pytest.raises(DataError, match="same users and window"):
        judge(measured("r2", BASE[:300]))


def test_decision_survives_the_lake(tmp_path: Path) -> None:
    champion = measured("champion", np.zeros(400))  # an infinite relative gain must stay valid JSON
    decision = judge(measured("r2", BASE, slices={"s": np.ones(400, bool)}), champion)
    lake = Lake(tmp_path)
    artifact = write_decision(lake, decision, {"challenger": "r2"}, "")
    assert read_decision(artifact) == decision
    json.dumps(decision.as_dict(), allow_nan=False)


def test_backfill_is_not_judged() -> None:
    decision = not_judged("r2", "champion", CONTEXT, "backfill")
    assert not decision.promotes and "not judged: backfill" in decision.paragraph


def reliable(*bins: tuple[float, float, int]) -> Evaluation:
    """A release that wins, with such bins of its scores: mean said, share that came true, rows."""
    rows = sum(n for *_, n in bins)
    error = sum(abs(said - came) * n for said, came, n in bins) / rows
    return replace(
        measured("r2", BASE * 1.2, summary={"calibration_error": error}), reliability=list(bins)
    )


def test_what_seldom_comes_true_must_be_said_about_as_often() -> None:
    """One constant for all: every place is off by less than .05, and the first came true thirty
    times as often.
    """
    constant = judge(reliable((0.003, 0.0, 4000), (0.003, 0.01, 4000), (0.003, 0.09, 1000)))
    assert constant.verdict == "reject" and failed(constant) == {"calibration_ratio"}
    assert "times the rate" in constant.paragraph
    assert judge(reliable((0.001, 0.0, 4000), (0.009, 0.01, 4000), (0.085, 0.09, 1000))).promotes
    boast = judge(reliable((0.01, 0.001, 5000), (0.04, 0.004, 5000)))
    assert failed(boast) == {"calibration_ratio"}
    assert failed(judge(reliable((0.01, 0.0, 9000)))) == {"calibration_ratio"}


def test_a_season_and_chance_are_no_fault_of_a_releases_scores() -> None:
    assert judge(
        reliable((0.01, 0.018, 5000), (0.02, 0.036, 5000))
    ).promotes  # everybody buys more this week
    assert judge(
        reliable((0.005, 0.0, 200), (0.01, 0.03, 100))
    ).promotes  # three where one was said: so few say little
    assert judge(reliable((0.0, 0.0, 500))).promotes


def test_scores_that_nobody_is_shown_are_not_held_against_a_release() -> None:
    decision = judge(reliable((0.003, 0.09, 9000)), running=Running(claims_chances=False))
    assert decision.promotes
