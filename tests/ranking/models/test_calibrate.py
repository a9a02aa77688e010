from __future__ import annotations

import json

import numpy as np
import pytest

from recsys_tasks.metrics import calibration_error
from recsys_tasks.ranking.models import calibrate
from recsys_tasks.ranking.models.calibrate import Bin, Calibration, fit_calibration, reliability


def halves(n: int) -> np.ndarray:
    even: np.ndarray = np.arange(n) % 2 == 0
    return even


def test_knots_are_block_means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrate, "POSITIVES_PER_KNOT", 1)
    raw = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    outcome = np.array([False, True, False, False, True])
    # From the top, a bin ends with each positive: {5}, {4, 3, 2}, and {1} joins the last full bin.
    # Rates {4, 3, 2, 1} = 1/4 at mean 2.5, {5} = 1 at 5: already isotonic.
    fit = fit_calibration(raw, outcome, halves(5))
    assert fit.raw == (2.5, 5.0)
    assert fit.probability == (0.25, 1.0)
    # Halfway between the knots: (0.25 + 1) / 2.
    np.testing.assert_allclose(fit.apply(np.array([3.75])), [0.625], atol=2e-5)


def test_order_is_strict_on_flat_parts_and_scores_stay_in_range() -> None:
    rng = np.random.default_rng(0)
    raw = rng.normal(size=5000)
    fit = fit_calibration(raw, rng.random(5000) < 0.1, halves(5000))
    grid = np.linspace(-8, 8, 400)
    scores = fit.apply(grid)
    assert (np.diff(scores) > 0).all()
    assert scores.min() >= 0 and scores.max() <= 1


def test_recovers_true_probabilities_and_reports_an_honest_error() -> None:
    rng = np.random.default_rng(1)
    raw = rng.normal(size=60_000) * 2 - 3
    truth = 1 / (1 + np.exp(-raw))
    fit = fit_calibration(raw * 5, rng.random(60_000) < truth, halves(60_000))
    assert np.abs(fit.apply(raw * 5) - truth).mean() < 0.01
    assert fit.error < 0.01
    noise = fit_calibration(rng.normal(size=300), rng.random(300) < 0.5, halves(300))
    assert noise.error > 0.005  # fitted and judged on the same rows it would be 0


def test_survives_json_and_rows_without_positives() -> None:
    fit = fit_calibration(np.array([0.5, 0.1, 0.1]), np.zeros(3, bool), halves(3))
    again = Calibration.from_dict(json.loads(json.dumps(fit.as_dict())))
    assert again == fit
    assert again.apply(np.array([0.3]))[0] < 1e-4
    empty = fit_calibration(np.zeros(0), np.zeros(0, bool), np.zeros(0, bool))
    assert empty.apply(np.array([1.0]))[0] < 1e-4


def test_the_chart_has_a_bar_for_each_bin_of_rows() -> None:
    said = np.array([0.1, 0.1, 0.3, 0.5])
    outcome = np.array([False, True, False, True])
    # The median, .2, divides them: {.1, .1} came true once of two, {.3, .5} once of two.
    assert reliability(said, outcome, 2) == (Bin(0.1, 0.5, 2), Bin(0.4, 0.5, 2))


def test_chart_and_error_are_of_the_same_scores_and_none_was_fitted_where_it_is_judged() -> None:
    rng = np.random.default_rng(2)
    raw, side = rng.normal(size=4000), halves(4000)
    outcome = rng.random(4000) < np.where(
        side, 0.4, 0.1
    )  # the halves disagree: a curve of one is wrong on the other
    fit = fit_calibration(raw, outcome, side)
    assert fit.error > 0.25 and sum(bar.rows for bar in fit.chart) == 4000
    # Each half is said the other's rate, about .1 and .4, and comes true at its own.
    low, high = fit.chart[0], fit.chart[-1]
    assert low.said < 0.2 < 0.3 < low.came_true and high.came_true < 0.2 < 0.3 < high.said
    seen = calibration_error(fit.apply(raw), outcome)
    assert seen < 0.05  # judged where it is fitted, it looks fine


def small_shop(seed: int, lists: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Raw scores of lists of 100 candidates, what came true, the halves, and the true chances:
    about 30 positives.
    """
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=lists * 100)
    truth = 1 / (1 + np.exp(7.2 - 1.8 * raw))
    return raw * 3, rng.random(len(raw)) < truth, np.repeat(np.arange(lists), 100) % 2 == 0, truth


def test_few_positives_make_no_constant_and_the_first_place_is_said_about_what_comes_true() -> None:
    said, true, flat = [], [], []
    for seed in range(20):
        raw, outcome, half, truth = small_shop(seed)
        assert 10 <= outcome.sum() < 40
        fit = fit_calibration(raw, outcome, half)
        scores = fit.apply(raw).reshape(60, 100)
        first = scores.argmax(axis=1)
        said.append(scores[np.arange(60), first].mean())
        true.append(truth.reshape(60, 100)[np.arange(60), first].mean())
        flat.append(outcome.mean())
        assert fit.known and len(fit.raw) > 2
        assert scores.mean() == pytest.approx(
            outcome.mean(), rel=0.15
        )  # on the whole, as often as it did
    ratio = np.array(said) / np.array(true)
    assert np.mean(true) > 8 * np.mean(flat)  # the one rate of all says an eighth of that, at most
    assert 0.7 < ratio.mean() < 1.4 and ratio.min() > 0.3 and ratio.max() < 3


def test_a_handful_of_positives_gives_a_curve_that_is_not_shown() -> None:
    rng = np.random.default_rng(0)
    raw = rng.normal(size=2000)
    outcome = np.zeros(2000, bool)
    outcome[np.argsort(-raw)[:7]] = True
    fit = fit_calibration(raw, outcome, halves(2000))
    assert not fit.known
    assert (
        np.diff(fit.apply(np.linspace(-3, 3, 100))) > 1e-9
    ).all()  # in order, and not the tilt's doing alone
    assert fit.apply(raw).max() > 5 * outcome.mean()
    assert not fit_calibration(raw, np.zeros(2000, bool), halves(2000)).known


def test_separated_scores_do_not_run_away() -> None:
    raw = np.concatenate([np.zeros(980), np.ones(20)]) + np.linspace(0, 0.01, 1000)
    fit = fit_calibration(raw, raw >= 1, halves(1000))
    assert 0.2 < fit.apply(np.array([1.0]))[0] < 1.0 and fit.apply(np.array([0.0]))[0] < 0.02
    same = fit_calibration(np.ones(500), np.arange(500) < 12, halves(500))
    assert same.apply(np.ones(1))[0] == pytest.approx(12 / 500, rel=0.01)


def test_an_older_release_with_one_rate_for_all_is_not_shown() -> None:
    """Its file says nothing of positives."""
    old = {
        "raw": [0.3],
        "probability": [0.004],
        "centre": 0.0,
        "scale": 1.0,
        "error": 0.002,
        "chart": [],
    }
    assert not Calibration.from_dict(old).known
    assert Calibration.from_dict({**old, "raw": [0.3, 1.0], "probability": [0.004, 0.02]}).known
