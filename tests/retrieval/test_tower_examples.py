from __future__ import annotations

import numpy as np

from recsys_tasks.retrieval.tower_examples import (
    Positives,
    held_back_users,
    last_histories,
    make_examples,
    moment_numbers,
    newest,
    renewed,
    sample_recent,
)
from recsys_tasks.snapshot.dataset import Events


def _events(rows: list[tuple[int, int, int]]) -> Events:
    """Rows of (user, ts, item), sorted."""
    user, ts, item = (np.array(c) for c in zip(*sorted(rows), strict=True))
    ones = np.ones(len(user), np.float32)
    kinds = np.zeros(len(user), np.int8)
    return Events(user.astype(np.int32), item.astype(np.int32), ts.astype(np.int64), kinds, ones, ones, ones)


# User 0: item 5 at t=1, a basket {6, 7} at t=2, item 5 again at t=3. User 1: item 8 at t=9 only.
WORLD = _events([(0, 1, 5), (0, 2, 6), (0, 2, 7), (0, 3, 5), (1, 9, 8)])


def _histories(events: Events, length: int) -> list[tuple[int, list[int]]]:
    examples = make_examples(events)
    flat = examples.histories.gather(events.item, moment_numbers(events), length)
    rows = [flat.item[flat.row == i].tolist() for i in range(len(examples))]
    return list(zip(events.item[examples.target].tolist(), rows, strict=True))


def test_targets_see_strictly_earlier_events_only() -> None:
    # Basket-mates 6 and 7 share the history [5]; first events have none and are no examples.
    assert _histories(WORLD, 10) == [(6, [5]), (7, [5]), (5, [5, 6, 7])]


def test_histories_keep_the_newest_items() -> None:
    assert _histories(WORLD, 2) == [(6, [5]), (7, [5]), (5, [6, 7])]


def test_age_counts_moments_from_the_newest() -> None:
    assert moment_numbers(WORLD).tolist() == [1, 2, 2, 3, 4]
    flat = make_examples(WORLD).histories.gather(WORLD.item, moment_numbers(WORLD), 10)
    assert flat.row.tolist() == [0, 1, 2, 2, 2]
    assert flat.age.tolist() == [0, 0, 1, 0, 0]  # the mates of basket {6, 7} are equally old


def test_no_events_make_no_examples() -> None:
    assert len(make_examples(WORLD.before(0))) == 0


def test_last_histories_are_whole() -> None:
    flat = last_histories(WORLD, np.array([0, 1], np.int32), 2).gather(WORLD.item, moment_numbers(WORLD), 3)
    assert flat.item.tolist() == [6, 7, 5, 8]


def test_newest_limits_each_user_and_all() -> None:
    events = _events([(0, t, t) for t in range(5)] + [(1, 10 + t, t) for t in range(3)])
    examples = make_examples(events)  # user 0: targets 1-4, user 1: targets at 11 and 12
    kept = newest(examples, events, per_user=2, total=99)
    assert events.ts[kept.target].tolist() == [3, 4, 11, 12]
    assert events.ts[newest(examples, events, 2, 3).target].tolist() == [4, 11, 12]


def test_what_is_outdated_is_replaced_by_what_its_item_saw_last() -> None:
    events = _events([(0, 1, 9), (0, 2, 5), (0, 6, 5), (1, 1, 9), (1, 4, 5), (1, 5, 7)])
    examples = make_examples(events)
    found = [(int(events.ts[t]), int(events.item[t])) for t in examples.target]
    assert found == [(2, 5), (6, 5), (4, 5), (5, 7)]

    def times(drawn: list[int], per_item: int) -> list[int]:
        renewed_ones = renewed(examples.take(np.array(drawn)), examples, events, per_item)
        return events.ts[renewed_ones.target].tolist()

    # Item 5 was taken at 2, 4 and 6: of age 2, 1 and 0. With two kept, age 2 becomes age 0, and the others stay.
    assert times([0, 2, 3], 2) == [6, 4, 5]
    # With one kept, all of them become the newest; item 7 has no other.
    assert times([0, 1, 2, 3], 1) == [6, 6, 6, 5]
    assert times([0, 1, 2, 3], 3) == [2, 6, 4, 5]


def test_replay_prefers_recent_examples() -> None:
    events = _events([(u, t, 1) for u in range(200) for t in (0, 10, 110)])
    examples = make_examples(events)  # 200 at t=10 and 200 at t=110
    drawn = sample_recent(examples, events, 100, 110, 50.0, np.random.default_rng(0))
    # At age 100 = two half-lives an example is a quarter as likely: about 20 of 100 draws.
    assert 8 <= int((events.ts[drawn.target] == 10).sum()) <= 32
    assert len(set(drawn.target.tolist())) == 100


def test_held_back_share_is_about_right_and_differs_by_salt() -> None:
    users = np.arange(20_000, dtype=np.int32)
    first, second = held_back_users(users, 0.05, 1), held_back_users(users, 0.05, 2)
    assert 850 < first.sum() < 1150
    assert (first & second).sum() < 120
    assert (held_back_users(users, 0.05, 1) == first).all()


def test_negatives_leave_out_everything_the_user_had() -> None:
    positives = Positives(WORLD, n_users=2, n_items=9)
    users, candidates = np.array([0, 1, 0], np.int32), np.array([6, 8, 5], np.int32)
    # User 0 had 5, 6, 7, so only item 8 is a negative; user 1 had 8. The diagonal is the positive itself.
    assert positives.allowed(users, candidates).tolist() == [
        [True, True, False],
        [True, True, True],
        [False, True, True],
    ]
