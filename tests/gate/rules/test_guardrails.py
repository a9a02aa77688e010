"""What a gain must not be bought with."""

from __future__ import annotations

from dataclasses import replace

from recsys_tasks.gate.evaluate import Evaluation
from recsys_tasks.gate.rules import Running
from tests.gate.cases import BASE, failed, judge, measured


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
    decision = judge(reliable((0.003, 0.09, 9000)), running=Running(scores_are_probabilities=False))
    assert decision.promotes
