"""When each monitor raises its alarm, by literal figures."""

from __future__ import annotations

import math
from datetime import date, timedelta

import pytest

from recsys_tasks.monitoring.alarms import (
    NightFigures,
    calibration,
    drift,
    list_churn,
    quality_drop,
    unusual,
)
from recsys_tasks.monitoring.alarms.figures import Scopes, by_night
from tests.worlds import make_config

NIGHT = date(2026, 3, 10)


def figures(
    tonight: Scopes, *, realised: dict[int, float] | None = None, same_release: bool = True
) -> NightFigures:
    """Tonight's figures, and the realised NDCG@10 of nights so many days ago."""
    return NightFigures(
        as_of=NIGHT,
        config=make_config(monitoring={"max_list_churn": 0.9}),
        tonight=tonight,
        earlier={
            NIGHT - timedelta(days=days): {"realised": {"ndcg@10": value}}
            for days, value in (realised or {}).items()
        },
        realised_of=NIGHT - timedelta(days=1),
        same_release=same_release,
    )


def test_drift_above_its_bound_and_not_at_it_or_without_anything_to_compare() -> None:
    seen = {"event_mix_psi": 0.25, "score_psi": 0.4, "other_psi": math.nan}
    (alarm,) = drift.look(figures({"drift": seen}))
    assert (alarm.metric, alarm.bound, alarm.value) == ("score_psi", 0.25, 0.4)
    assert "PSI 0.40" in alarm.words
    assert list(drift.look(figures({}))) == []


def test_churn_within_one_release_only() -> None:
    (alarm,) = list_churn.look(figures({"churn": {"mean": 0.95}}))
    assert (alarm.kind, alarm.bound, alarm.value) == ("list_churn", 0.9, 0.95)
    assert "95%" in alarm.words
    assert list(list_churn.look(figures({"churn": {"mean": 0.9}}))) == []
    assert list(list_churn.look(figures({"churn": {"mean": 1.0}}, same_release=False))) == []
    assert list(list_churn.look(figures({}))) == []


def test_a_fall_of_quality_needs_four_nights_of_the_four_weeks_before() -> None:
    usual = dict.fromkeys(range(2, 6), 0.1)

    def told(value: float, earlier: dict[int, float]) -> list[float]:
        tonight = {"realised": {"ndcg@10": value}}
        return [alarm.bound for alarm in quality_drop.look(figures(tonight, realised=earlier))]

    assert told(0.06, usual) == [pytest.approx(0.07)]
    assert told(0.08, usual) == [] and told(math.nan, usual) == []
    assert told(0.01, {2: 0.1, 3: 0.1, 4: 0.1, 5: math.nan}) == []
    # The night itself, and what lies more than four weeks before it, are not its past.
    assert told(0.01, {2: 0.1, 3: 0.1, 4: 0.1, 29: 0.1}) == [pytest.approx(0.07)]
    assert told(0.01, {1: 0.1, 2: 0.1, 3: 0.1, 29: 0.1}) == []
    assert told(0.01, {2: 0.1, 3: 0.1, 4: 0.1, 30: 0.1}) == []


def test_scores_that_are_off_by_more_than_their_bound() -> None:
    def told(ratio: float) -> list[str]:
        seen = {"calibration_ratio": ratio, "said": 0.04, "came_true": 0.01}
        return [alarm.words for alarm in calibration.look(figures({"calibration": seen}))]

    assert told(1.0) == [] and told(math.nan) == [] and list(calibration.look(figures({}))) == []
    (words,) = told(1.5)
    assert "said 4.00% of a place within 7 days, and 1.00% came true" in words
    assert "off by 1.50 times" in words and "(at most 1.00)" in words
    assert "off by inf times" in told(math.inf)[0]


def test_rows_become_figures_by_night_and_null_becomes_nan() -> None:
    found = by_night([(NIGHT, "lists", "gini@10", 0.5), (NIGHT, "realised", "ndcg@10", None)])
    assert found[NIGHT]["lists"] == {"gini@10": 0.5}
    assert math.isnan(found[NIGHT]["realised"]["ndcg@10"])


def told_of(
    scope: str, name: str, value: float, earlier: list[float], times: float | None = 6
) -> list[str]:
    """What is said of a figure; its values of the nights before are `earlier`, newest first."""
    night = NightFigures(
        as_of=NIGHT,
        config=make_config(monitoring={"unusual_times": times}),
        tonight={scope: {name: value}},
        earlier={
            NIGHT - timedelta(days=days): {scope: {name: old}}
            for days, old in enumerate(earlier, 1)
        },
    )
    return [alarm.words for alarm in unusual.look(night)]


def test_a_figure_far_from_the_weeks_before_is_told_with_what_is_usual() -> None:
    """Median 1,000, median deviation 10, so 14.8 in standard deviations: the bound is the least
    distance of 20 %, 800.
    """
    users = [990.0, 1010.0, 1000.0, 990.0, 1010.0, 1000.0, 1010.0]
    assert told_of("lists", "users", 801, users) == []
    (words,) = told_of("lists", "users", 799, users)
    assert "users with a list of their own 799 (usually 1,000)" in words
    assert told_of("lists", "users", 5000, users) == []  # more is no fault
    assert told_of("lists", "users", 1, users, None) == []
    assert told_of("lists", "users", 1, users[:6]) == []  # too few nights
    assert told_of("lists", "users", math.nan, users) == []


def test_a_figure_that_moves_each_week_is_no_alarm_by_its_weekend() -> None:
    """A shop of wide swings has wide bounds: nights of 400 to 1,100 users make 400 no news. Of
    seconds, and with steady nights, the bound is twice the median, ten minutes above it at least.
    """
    swings = [1000.0, 400.0, 900.0, 500.0, 1100.0, 450.0, 980.0, 1020.0]
    assert told_of("lists", "users", 400, swings) == []
    (words,) = told_of("night", "seconds", 3000, [1200.0, 1300.0, 1100.0, 1250.0] * 2)
    assert words == "unlike the weeks before: seconds of all stages 3,000 (usually 1,225)"
    assert told_of("night", "seconds", 500, [10.0] * 8) == []  # ten minutes more at least


def test_figures_past_their_bounds_are_one_alarm() -> None:
    night = NightFigures(
        as_of=NIGHT,
        config=make_config(),
        tonight={"lists": {"users": 10.0, "rung_share/heavy": 0.0}},
        earlier={
            NIGHT - timedelta(days=days): {"lists": {"users": 1000.0, "rung_share/heavy": 1.0}}
            for days in range(1, 9)
        },
    )
    (alarm,) = unusual.look(night)
    assert (alarm.kind, alarm.metric, alarm.bound, alarm.value) == (
        "unusual_night", "lists/users", 800, 10,
    )  # fmt: skip
    assert "share by the heavy ranker 0 (usually 1)" in alarm.words
