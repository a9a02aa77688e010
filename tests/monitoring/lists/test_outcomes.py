"""Places counted by segment, rank and reason, of shops with segments, without, and of both."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from recsys_tasks.monitoring.lists.outcomes import (
    Shown,
    count_outcomes,
    count_places,
    outcomes_of,
    place_rows,
)
from recsys_tasks.schema import REASONS
from recsys_tasks.snapshot.events import Events

KINDS = ["view", "purchase"]


def shown_of(rng: np.random.Generator, users: int) -> Shown:
    """Lists of every other user: five places of nine items, no item twice."""
    items = np.stack([rng.permutation(9)[:5] for _ in range(users)]).astype(np.int32)
    reasons = rng.integers(0, len(REASONS), items.shape).astype(np.int8)
    keys = 2 * np.arange(users, dtype=np.int32)
    return Shown.of((keys, items, reasons), np.zeros(2 * users, np.int32), ["nl"])


def events_of(rng: np.random.Generator, n: int, users: int) -> Events:
    """Events of a day, with and without a price."""
    user = np.sort(rng.integers(0, 2 * users, n)).astype(np.int32)
    price = np.where(rng.random(n) < 0.5, rng.integers(1, 9, n), np.nan).astype(np.float32)
    return Events(
        user=user,
        item=rng.integers(0, 9, n).astype(np.int32),
        ts=np.zeros(n, np.int64),
        event=rng.integers(0, 2, n).astype(np.int8),
        weight=np.ones(n, np.float32),
        price=price,
        quantity=np.where(rng.random(n) < 0.5, 2, np.nan).astype(np.float32),
    )


@pytest.mark.parametrize(("users", "rows"), [(20, 300), (20, 1), (20, 0), (1, 0), (1, 40)])
def test_outcomes_are_those_that_a_slow_count_finds(users: int, rows: int) -> None:
    """A day on which the shop is closed has none."""
    rng = np.random.default_rng(rows)
    shown, events = shown_of(rng, users), events_of(rng, rows, users)
    times, amounts = Counter[tuple[int, int, str]](), dict[tuple[int, int, str], float]()
    for at in range(rows):
        user, item = int(events.user[at]), int(events.item[at])
        if user % 2 or item not in shown.items[user // 2]:
            continue
        rank = shown.items[user // 2].tolist().index(item) + 1
        key = user, rank, KINDS[events.event[at]]
        times[key] += 1
        if not np.isnan(events.price[at]):
            many = 1.0 if np.isnan(events.quantity[at]) else float(events.quantity[at])
            amounts[key] = amounts.get(key, 0.0) + float(events.price[at]) * many
    found = outcomes_of(shown, events)
    places = place_rows(shown, found, KINDS).to_pylist()
    keys = [(row["user_key"], row["rank"], row["event"]) for row in places]
    assert dict(zip(keys, [row["times"] for row in places], strict=True)) == times
    known = {k: row["amount"] for k, row in zip(keys, places, strict=True) if row["amount"]}
    assert known == amounts
    counted = count_outcomes(shown, found, KINDS).to_pylist()
    assert sum(row["times"] for row in counted) == sum(times.values())
    assert sum(row["places_with"] for row in counted) == len(times)
    assert sum(row["amount"] or 0.0 for row in counted) == sum(amounts.values())


@pytest.mark.parametrize("names", [[], ["nl"], ["be", "nl"]])
def test_places_are_those_that_a_slow_count_finds(names: list[str]) -> None:
    rng = np.random.default_rng(len(names))
    codes = rng.integers(-1, len(names), 60).astype(np.int32)  # -1: a user of no segment
    users = np.sort(rng.choice(60, 40, replace=False)).astype(np.int32)
    items = rng.integers(-1, 9, (40, 5)).astype(np.int32)
    reasons = rng.integers(0, len(REASONS), (40, 5)).astype(np.int8)
    shown = Shown.of((users, items, reasons), codes, names)
    slow = Counter(
        ("" if codes[user] < 0 else names[codes[user]], rank + 1, REASONS[reasons[row, rank]])
        for row, user in enumerate(users)
        for rank in range(5)
        if items[row, rank] >= 0
    )
    found = count_places(shown).to_pandas()
    segment = found["segment"].fillna("")
    reason = [REASONS[code] for code in found["reason"]]
    assert (
        dict(zip(zip(segment, found["rank"], reason, strict=True), found["places"], strict=True))
        == slow
    )
