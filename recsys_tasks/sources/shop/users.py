"""The simulated shop's users: attributes, a drifting taste and a pace of their own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.sources.shop.catalogue import DIMENSIONS, Catalogue, unit

JOIN_DAYS = 90  # a fifth of the users join over this many days
_COUNTRIES, _COUNTRY_SHARES = ("DE", "FR", "NL", "GB", "SE"), (0.34, 0.24, 0.17, 0.15, 0.10)
_AGES, _AGE_SHARES = ("18-24", "25-34", "35-49", "50+"), (0.2, 0.3, 0.3, 0.2)
_DEVICES, _DEVICE_SHARES = ("mobile", "desktop", "tablet"), (0.6, 0.32, 0.08)


@dataclass(frozen=True)
class People:
    """Users as parallel arrays of n rows."""

    ids: npt.NDArray[np.object_]
    country: npt.NDArray[np.int64]
    age: npt.NDArray[np.int64]
    device: npt.NDArray[np.int64]
    joined: npt.NDArray[np.int64]  # ordinal day
    pace: npt.NDArray[np.float64]  # sessions relative to the mean user
    before: npt.NDArray[np.float32]  # [n, DIMENSIONS] taste that fades
    after: npt.NDArray[np.float32]  # [n, DIMENSIONS] taste that comes
    turn: npt.NDArray[np.float64]  # ordinal day on which both weigh the same

    def taste(self, rows: npt.NDArray[np.int64], day: date) -> npt.NDArray[np.float32]:
        """`[len(rows), DIMENSIONS] float32`, unit norm: taste slides from `before` to `after` in
        about a month. `rows: [n] int64`.
        """
        weight = 1 / (1 + np.exp(-(day.toordinal() - self.turn[rows]) / 12))
        mixed = (1 - weight)[:, None] * self.before[rows] + weight[:, None] * self.after[rows]
        return unit(mixed)

    def table(self, today: date) -> pa.Table:
        """users.parquet as written after `today`: everyone who has joined."""
        rows = np.flatnonzero(self.joined <= today.toordinal())
        return pa.table(
            {
                "user_id": pa.array(self.ids[rows], pa.string()),
                "country": pa.array(np.array(_COUNTRIES, object)[self.country[rows]], pa.string()),
                "age_band": pa.array(np.array(_AGES, object)[self.age[rows]], pa.string()),
                "device": pa.array(np.array(_DEVICES, object)[self.device[rows]], pa.string()),
            }
        )


def make_people(seed: int, n: int, first_day: date, catalogue: Catalogue) -> People:
    """n users; the same for the same arguments."""
    rng = np.random.default_rng([seed, 2])
    country = rng.choice(len(_COUNTRIES), size=n, p=_COUNTRY_SHARES)
    age = rng.choice(len(_AGES), size=n, p=_AGE_SHARES)
    kinds = len(catalogue.categories)
    by_country, by_age = (
        rng.standard_normal((len(_COUNTRIES), kinds)),
        rng.standard_normal((len(_AGES), kinds)),
    )
    leaning = 0.6 * by_country[country] + by_age[age]
    joined = np.full(n, first_day.toordinal() - 1)
    late = rng.permutation(n) < n // 5
    joined[late] = first_day.toordinal() + rng.integers(0, JOIN_DAYS, size=int(late.sum()))
    pace = rng.lognormal(0, 0.8, n)
    return People(
        ids=np.array([f"u{i:06d}" for i in range(n)], object),
        country=country,
        age=age,
        device=rng.choice(len(_DEVICES), size=n, p=_DEVICE_SHARES),
        joined=joined,
        pace=pace / pace.mean(),
        before=_tastes(rng, leaning, catalogue),
        after=_tastes(rng, leaning, catalogue),
        turn=first_day.toordinal() + rng.uniform(-60, 500, n),
    )


def _tastes(
    rng: np.random.Generator, leaning: npt.NDArray[np.float64], catalogue: Catalogue
) -> npt.NDArray[np.float32]:
    """Two or three favourite categories a user, drawn by what their country and age lean to, plus a
    whim.
    """
    keys = leaning + rng.gumbel(size=leaning.shape)
    favourites = np.argsort(-keys, axis=1)[:, :3]
    weights = rng.dirichlet([0.9, 0.6, 0.3], size=len(leaning))
    whim = rng.standard_normal((len(leaning), DIMENSIONS)) / np.sqrt(DIMENSIONS)
    return unit((weights[:, :, None] * catalogue.centres[favourites]).sum(axis=1) + 0.35 * whim)
