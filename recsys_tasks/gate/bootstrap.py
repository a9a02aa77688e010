"""Paired bootstrap: the confidence that one system is better than another on the same users."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys_tasks.metrics import Floats

_DRAWS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Bootstrap:
    """Result of a paired bootstrap over users: for each sample, the sum of the differences (`gains
    [samples]`) and the sum of the champion's metric (`bases [samples]`).

    `users`: how many users have a truth; `challenger` and `champion`: the means over these.
    """

    users: int
    challenger: float
    champion: float
    gains: Floats
    bases: Floats

    @property
    def relative(self) -> float:
        """Relative difference of the means; infinite over a champion of zero, 0 when both are."""
        gain = self.challenger - self.champion
        if self.champion > 0:
            return gain / self.champion
        return float("inf") if gain > 0 else 0.0

    def confidence(self, margin: float) -> float:
        """One-sided confidence that the relative difference exceeds `margin` (negative: a loss)."""
        if len(self.gains) == 0:
            return float("nan")
        return float((self.gains > margin * self.bases).mean())

    def distinguishable(self) -> float:
        """Confidence that the two differ, in the direction of the larger confidence."""
        if len(self.gains) == 0:
            return float("nan")
        return float(max((self.gains > 0).mean(), (self.gains < 0).mean()))

    def interval(self, level: float) -> tuple[float, float]:
        """Two-sided percentile interval of the relative difference, e.g. level 0.9: 5 % to 95 %."""
        if len(self.gains) == 0:
            return float("nan"), float("nan")
        ratio = np.select([self.gains > 0, self.gains < 0], [np.inf, -np.inf], 0.0)
        np.divide(self.gains, self.bases, out=ratio, where=self.bases > 0)
        tail = (1 - level) / 2
        low, high = np.quantile(ratio, [tail, 1 - tail], method="inverted_cdf")
        return float(low), float(high)


def paired_bootstrap(challenger: Floats, champion: Floats, samples: int, seed: int) -> Bootstrap:
    """Resample users with replacement; both arrays `[n]` are of the same users, NaN: no truth.

    Users for whom both are 0 add nothing to a sum. So the number of other users in a sample is
    drawn first (binomial), then these users: the same distribution, with fewer draws.
    """
    both = ~(np.isnan(challenger) | np.isnan(champion))
    a, b = challenger[both], champion[both]
    n = len(a)
    if n == 0:
        return Bootstrap(0, float("nan"), float("nan"), np.zeros(0), np.zeros(0))
    some = (a != 0) | (b != 0)
    gain, base = (a - b)[some], b[some]
    rng = np.random.default_rng(seed)
    sizes = rng.binomial(n, len(gain) / n, samples)
    gains, bases = np.zeros(samples), np.zeros(samples)
    step = max(1, _DRAWS_AT_ONCE // n)
    for first in range(0, samples if len(gain) else 0, step):
        block = sizes[first : first + step]
        drawn = rng.integers(0, len(gain), int(block.sum()))
        sample = np.repeat(np.arange(len(block)), block)
        gains[first : first + step] = np.bincount(sample, weights=gain[drawn], minlength=len(block))
        bases[first : first + step] = np.bincount(sample, weights=base[drawn], minlength=len(block))
    return Bootstrap(n, float(a.mean()), float(b.mean()), gains, bases)
