"""Raw ranker scores to probabilities: isotonic regression kept as a few JSON knots.

The fit is centred: each block of the isotonic regression becomes one knot at the mean raw score of
its rows, and scores between knots are interpolated, so that a step does not tie all candidates on
it.

With too few positives for two knots that would be one rate for every score. Then the curve is
logistic (Platt 1999, "Probabilistic outputs for support vector machines"), its slope drawn towards
1 of standardised scores, the more so the fewer positives there are, and kept as knots all the same.
With hardly any positives even its level is a guess: it orders, but is not `known`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression, minimize

from recsys_tasks.arrays import AnyFloat, Bool, Float64, Int64
from recsys_tasks.metrics import calibration_error

Outcome = Bool | Float64

POSITIVES_PER_KNOT = 20
"""Fewest positives behind a knot: with fewer, the steepest (top) end of the curve is noise."""
KNOWN_FROM = 10
"""Fewest positives that a curve is shown from as probabilities: with so many its level is known to
about a third.
"""
LOGISTIC_KNOTS = 65
"""Knots that a logistic curve is kept as."""
REACH = 1.0
"""How far it goes on beyond the scores that it was fitted on, in their standard deviations."""
CHART_BINS = 20
TILT = 1e-5
"""Share of the score that only keeps the raw order where the curve is flat."""


@dataclass(frozen=True)
class Bin:
    """A bar of a reliability chart: mean probability said, share that came true, and of how many
    rows.
    """

    said: float
    came_true: float
    rows: int


@dataclass(frozen=True)
class Calibration:
    """Knots of a monotone curve from raw score to P(objective within W days | candidate).

    `raw` strictly increases, `probability` never decreases; `centre` and `scale` (raw units) shape
    the tilt; `error` is the expected calibration error on users that the curve was not fitted on,
    in [0, 1]; `chart` is the reliability chart of the same scores, lowest first. `positives`: what
    came true among the rows of the fit; None in files from before it was noted.
    """

    raw: tuple[float, ...]
    probability: tuple[float, ...]
    centre: float
    scale: float
    error: float
    chart: tuple[Bin, ...] = ()
    positives: float | None = None

    @property
    def known(self) -> bool:
        """Whether the probabilities may be called that; else they only order."""
        return len(self.raw) > 1 if self.positives is None else self.positives >= KNOWN_FROM

    def apply(self, raw: AnyFloat) -> Float64:
        """`[rows]` in [0, 1], strictly increasing with `raw` up to the precision of float64."""
        wide = raw.astype(np.float64)
        curve = np.interp(wide, self.raw, self.probability)
        squashed = 0.5 * (1.0 + np.tanh((wide - self.centre) / (2.0 * self.scale)))
        return np.asarray((1.0 - TILT) * curve + TILT * squashed)

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """What `as_dict` wrote."""
        chart = tuple(Bin(**bar) for bar in values["chart"])
        return cls(
            **{
                **values,
                **{name: tuple(values[name]) for name in ("raw", "probability")},
                "chart": chart,
            }
        )


def fit_calibration(raw: AnyFloat, outcome: Outcome, half: Bool) -> Calibration:
    """Fit the curve on all rows; measure its error across halves of the users.

    `raw`, `outcome` (what came true, in [0, 1]) and `half` are `[rows]`, of users held out of the
    ranker with all their candidates; `half` is the same for all rows of a user. The error is that
    of a curve fitted on one half and judged on the other, both ways.
    """
    wide = raw.astype(np.float64)
    crossed, positives = np.zeros(len(wide)), float(outcome.sum())
    curve = _knots if positives >= 2 * POSITIVES_PER_KNOT or positives == 0 else _logistic_knots
    for side in (half, ~half):
        crossed[~side] = np.interp(wide[~side], *curve(wide[side], outcome[side]))
    scale = float(np.std(wide)) if len(wide) else 0.0
    knots = curve(wide, outcome)
    return Calibration(
        raw=tuple(knots[0].tolist()),
        probability=tuple(knots[1].tolist()),
        centre=float(np.mean(wide)) if len(wide) else 0.0,
        scale=scale if scale > 0 else 1.0,
        error=calibration_error(crossed, outcome),
        chart=reliability(crossed, outcome),
        positives=positives,
    )


def reliability(said: Float64, outcome: Outcome, bins: int = CHART_BINS) -> tuple[Bin, ...]:
    """Bins of equally many rows (equal scores share one) by the probabilities that were said, `said
    [rows]`, and what came true, `outcome [rows]` in [0, 1]; empty without rows.
    """
    if len(said) == 0:
        return ()
    edges = np.unique(np.quantile(said, np.linspace(0, 1, bins + 1)[1:-1]))
    bin_of = np.searchsorted(edges, said, side="left")
    rows = np.bincount(bin_of)
    used = np.flatnonzero(rows)
    means = (
        np.bincount(bin_of, weights=w)[used] / rows[used] for w in (said, outcome.astype(float))
    )
    return tuple(
        Bin(float(p), float(q), int(n)) for p, q, n in zip(*means, rows[used], strict=True)
    )


def _knots(raw: Float64, outcome: Outcome) -> tuple[Float64, Float64]:
    """Raw scores `[knots]` and probabilities `[knots]`; (0, 0) where there are no rows."""
    if len(raw) == 0:
        return np.zeros(1), np.zeros(1)
    order = np.argsort(-raw, kind="stable")
    # Bins from the top, each with enough positives; equal raw scores stay in one bin.
    run = np.concatenate([[0], np.cumsum(np.diff(raw[order]) != 0)])
    positives = outcome[order].astype(np.float64)
    bin_of = ((np.cumsum(positives) - positives) // POSITIVES_PER_KNOT).astype(np.int64)
    bin_of = bin_of[np.searchsorted(run, run, side="left")]
    bin_of = np.minimum(bin_of, max(0, int(outcome.sum()) // POSITIVES_PER_KNOT - 1))
    rows = np.bincount(bin_of).astype(np.float64)
    centre = np.bincount(bin_of, weights=raw[order])
    hits = np.bincount(bin_of, weights=positives)
    used = np.flatnonzero(rows)[::-1]
    fit: Any = isotonic_regression(hits[used] / rows[used], weights=rows[used])
    blocks: Int64 = fit.blocks[:-1]
    weight = np.add.reduceat(rows[used], blocks)
    return np.add.reduceat(centre[used], blocks) / weight, fit.x[blocks]


def _logistic_knots(raw: Float64, outcome: Outcome) -> tuple[Float64, Float64]:
    """The same of a rising logistic curve of the standardised raw score.

    Its slope's logarithm is normal about 0 with deviation 1 beforehand, so that no score is without
    meaning and none is certain; its level is as the rows say.
    """
    spread = float(np.std(raw)) if len(raw) else 0.0
    if len(raw) == 0 or spread <= 0:
        return _knots(raw, outcome)
    centre = float(np.mean(raw))
    z, said = (raw - centre) / spread, outcome.astype(np.float64)
    level = (said.sum() + 0.5) / (len(said) + 1.0)

    def loss(at: Float64) -> tuple[float, Float64]:
        slope = np.exp(at[1])
        logit = at[0] + slope * z
        gap = 0.5 * (1.0 + np.tanh(0.5 * logit)) - said
        value = np.logaddexp(0.0, logit).sum() - (said * logit).sum() + 0.5 * at[1] ** 2
        return float(value), np.array([gap.sum(), (gap * z).sum() * slope + at[1]])

    start = np.array([np.log(level / (1.0 - level)), 0.0])
    found: Any = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=[(-30.0, 30.0), (-4.0, 3.0)]
    )
    knots = np.linspace(z.min() - REACH, z.max() + REACH, LOGISTIC_KNOTS)
    logit = found.x[0] + np.exp(found.x[1]) * knots
    return centre + spread * knots, 0.5 * (1.0 + np.tanh(0.5 * logit))
