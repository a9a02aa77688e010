"""One day in the simulated shop: who comes, what they look at, what they take home."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recsys_tasks.clock import DAY_SECONDS, start_of
from recsys_tasks.sources.shop.catalogue import Catalogue
from recsys_tasks.sources.shop.users import People

VIEW, CART, PURCHASE = 0, 1, 2
_WEEKDAY = (0.92, 0.88, 0.92, 0.96, 1.06, 1.18, 1.1)
_MAX_VIEWS = 10
_BLOCK = 1024  # sessions scored at once: bounds memory at _BLOCK x items
_TASTE, _COMPANY, _SEEN, _BOUGHT, _LISTED = 6.0, 3.5, 1.6, 2.0, 3.0  # in nats of the choice

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Day:
    """A day's events as parallel arrays: rows of People and Catalogue, seconds of UTC, event
    code.
    """

    user: Ints
    item: Ints
    ts: Ints
    event: Ints
    price: npt.NDArray[np.float64]

    @classmethod
    def joined(cls, days: Sequence[Day]) -> Day:
        """Several days (or blocks) as one."""
        return cls(
            *(
                np.concatenate([getattr(day, name) for day in days])
                for name in cls.__dataclass_fields__
            )
        )


def simulate_sessions(
    catalogue: Catalogue,
    people: People,
    day: date,
    *,
    seed: int,
    sessions_per_user_day: float,
    recent: Day,
    listed: Mapping[int, Ints],
) -> Day:
    """Events of one day, sorted by time: columns `[n]` of user and item rows, UTC seconds, kinds
    and prices.

    `recent`: events of the two weeks before (people look again at what they saw); `listed`: user
    row to the item rows they are shown, best first: a shown item is chosen more often, the better
    its place, but only as far as it suits the taste. Each day has its own random stream.
    """
    rng = np.random.default_rng([seed, 3, day.toordinal()])
    season = 1 + 0.15 * np.sin(2 * np.pi * (day.timetuple().tm_yday - 80) / 365)
    rate = people.pace * sessions_per_user_day * _WEEKDAY[day.weekday()] * season
    visits = rng.poisson(np.where(people.joined <= day.toordinal(), rate, 0.0))
    users = np.repeat(np.arange(len(visits)), visits)
    mood = _mood(catalogue, day, seed)
    blocks = [users[i : i + _BLOCK] for i in range(0, len(users), _BLOCK)] or [users]
    world = _World(catalogue, people, day, mood, recent, listed)
    made = Day.joined([_block(rng, world, block) for block in blocks])
    order = np.lexsort((made.event, made.item, made.user, made.ts))
    return Day(*(getattr(made, name)[order] for name in Day.__dataclass_fields__))


def _mood(catalogue: Catalogue, day: date, seed: int) -> npt.NDArray[np.float32]:
    """`[m] float32`: what speaks for an item today, whoever looks; -inf when it cannot be had."""
    kinds = len(catalogue.categories)
    phase = np.random.default_rng([seed, 4]).uniform(0, 2 * np.pi, kinds)
    seasonal = 0.5 * np.sin(2 * np.pi * day.timetuple().tm_yday / 365 + phase)[catalogue.category]
    age = np.maximum(day.toordinal() - catalogue.launch, 0)
    mood = catalogue.appeal + seasonal + 1.2 * np.exp(-age / 10.0)
    return np.where(catalogue.in_stock(day), mood, -np.inf).astype(np.float32)


class _World(NamedTuple):
    """What all users of a day meet."""

    catalogue: Catalogue
    people: People
    day: date
    mood: npt.NDArray[np.float32]
    recent: Day
    listed: Mapping[int, Ints]


def _block(rng: np.random.Generator, world: _World, users: Ints) -> Day:
    """The sessions of some users, `users: [n] int64`, one row a session."""
    catalogue, people, day, mood, recent, listed = world
    taste = people.taste(users, day)
    liking = taste @ catalogue.vectors.T
    score = _TASTE * liking + mood
    _add_recent(score, users, recent, catalogue)
    _add_listed(score, users, listed)
    luck = np.maximum(rng.random(score.shape, np.float32), np.float32(1e-30))
    score -= np.log(
        -np.log(luck) + np.float32(1e-30)
    )  # Gumbel noise: the best score is a draw from the softmax
    # the strongest wish opens the session; what follows keeps it company
    opener = np.argmax(score, axis=1)
    score += _COMPANY * (catalogue.vectors[opener] @ catalogue.vectors.T)
    score[np.arange(len(users)), opener] = np.inf
    top = min(_MAX_VIEWS, score.shape[1])
    viewed = np.argpartition(-score, top - 1, axis=1)[:, :top]
    viewed = np.take_along_axis(
        viewed, np.argsort(-np.take_along_axis(score, viewed, 1), axis=1, kind="stable"), 1
    )
    wanted = np.minimum(1 + rng.poisson(2.6, len(users)), top)
    real = (np.arange(top) < wanted[:, None]) & np.isfinite(mood)[viewed]
    return _steps(rng, catalogue, users, day, viewed, real, np.take_along_axis(liking, viewed, 1))


def _steps(
    rng: np.random.Generator,
    catalogue: Catalogue,
    users: Ints,
    day: date,
    viewed: Ints,
    real: npt.NDArray[np.bool_],
    liking: npt.NDArray[np.float32],
) -> Day:
    """Views in order, then some to the cart at once, then some of those to the till at the end."""
    hour = np.clip(rng.normal(16.5, 4.0, len(users)), 0, 22.5)
    start = start_of(day) + (hour * 3600).astype(np.int64)
    gaps = rng.integers(25, 120, size=viewed.shape)
    ts = start[:, None] + np.cumsum(gaps, axis=1)
    carted = real & (rng.random(viewed.shape) < 1 / (1 + np.exp(3.4 - 4.0 * liking)))
    bought = carted & (rng.random(viewed.shape) < 0.5)
    end = np.minimum(ts[:, -1:] + 90, start_of(day) + DAY_SECONDS - 1)
    person = np.broadcast_to(users[:, None], viewed.shape)
    paid = catalogue.price[viewed] * np.where(rng.random(viewed.shape) < 0.1, 0.8, 1.0)
    parts = [
        (real, ts, VIEW),
        (carted, ts + 12, CART),
        (bought, np.broadcast_to(end, ts.shape), PURCHASE),
    ]
    return Day.joined(
        [
            Day(person[m], viewed[m], t[m], np.full(int(m.sum()), code), np.round(paid[m], 2))
            for m, t, code in parts
        ]
    )


def _add_recent(
    score: npt.NDArray[np.float32], users: Ints, recent: Day, catalogue: Catalogue
) -> None:
    """What one looked at calls again; what one bought calls again only when it is used up."""
    again = np.where(catalogue.consumable, _BOUGHT, -_BOUGHT)
    for code, called in ((VIEW, np.full(score.shape[1], _SEEN)), (PURCHASE, again)):
        mask = recent.event == code
        pairs = np.unique(recent.user[mask] * score.shape[1] + recent.item[mask])
        owner, item = np.divmod(pairs, score.shape[1])
        first, last = np.searchsorted(owner, users), np.searchsorted(owner, users, side="right")
        rows = np.repeat(np.arange(len(users)), last - first)
        within = np.arange(len(rows)) - np.repeat(
            np.cumsum(last - first) - (last - first), last - first
        )
        items = item[np.repeat(first, last - first) + within]
        score[rows, items] += called[items].astype(np.float32)


def _add_listed(score: npt.NDArray[np.float32], users: Ints, listed: Mapping[int, Ints]) -> None:
    for row, user in enumerate(users.tolist() if listed else ()):
        items = listed.get(user)
        if items is not None:
            score[row, items] += (_LISTED * 0.9 ** np.arange(len(items))).astype(np.float32)
