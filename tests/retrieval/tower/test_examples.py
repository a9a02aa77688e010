from __future__ import annotations

import numpy as np

from recsys_tasks.retrieval.tower.examples import (
    Draws,
    TrueNegatives,
    held_out_users,
    histories_before,
    last_histories,
    make_examples,
    newest,
    replace_stale,
    sample_recent,
    surely_absent_before,
    timestamp_numbers,
)
from recsys_tasks.snapshot.events import Events


def _events(rows: list[tuple[int, int, int]]) -> Events:
    """Rows of (user, ts, item), sorted."""
    user, ts, item = (np.array(c) for c in zip(*sorted(rows), strict=True))
    ones = np.ones(len(user), np.float32)
    kinds = np.zeros(len(user), np.int8)
    return Events(
        user.astype(np.int32), item.astype(np.int32), ts.astype(np.int64), kinds, ones, ones, ones
    )


# User 0: item 5 at t=1, a basket {6, 7} at t=2, item 5 again at t=3. User 1: item 8 at t=9 only.
WORLD = _events([(0, 1, 5), (0, 2, 6), (0, 2, 7), (0, 3, 5), (1, 9, 8)])


def _histories(events: Events, length: int) -> list[tuple[int, list[int]]]:
    examples = make_examples(events)
    flat = histories_before(events, examples).gather(events.item, timestamp_numbers(events), length)
    rows = [flat.item[flat.row == i].tolist() for i in range(len(examples))]
    return list(zip(events.item[examples].tolist(), rows, strict=True))


def test_targets_see_strictly_earlier_events_only() -> None:
    # Basket-mates 6 and 7 share the history [5]; first events have none and are no examples.
    assert _histories(WORLD, 10) == [(6, [5]), (7, [5]), (5, [5, 6, 7])]


def test_histories_keep_the_newest_items() -> None:
    assert _histories(WORLD, 2) == [(6, [5]), (7, [5]), (5, [6, 7])]


def test_age_counts_moments_from_the_newest() -> None:
    assert timestamp_numbers(WORLD).tolist() == [1, 2, 2, 3, 4]
    flat = histories_before(WORLD, make_examples(WORLD)).gather(
        WORLD.item, timestamp_numbers(WORLD), 10
    )
    assert flat.row.tolist() == [0, 1, 2, 2, 2]
    assert flat.age.tolist() == [0, 0, 1, 0, 0]  # the mates of basket {6, 7} are equally old


def test_no_events_make_no_examples() -> None:
    assert len(make_examples(WORLD.before(0))) == 0


def test_last_histories_are_whole() -> None:
    flat = last_histories(WORLD, np.array([0, 1], np.int32), 2).gather(
        WORLD.item, timestamp_numbers(WORLD), 3
    )
    assert flat.item.tolist() == [6, 7, 5, 8]


def test_newest_limits_each_user_and_all() -> None:
    events = _events([(0, t, t) for t in range(5)] + [(1, 10 + t, t) for t in range(3)])
    examples = make_examples(events)  # user 0: targets 1-4, user 1: targets at 11 and 12
    kept = newest(examples, events, per_user=2, total=99)
    assert events.ts[kept].tolist() == [3, 4, 11, 12]
    assert events.ts[newest(examples, events, 2, 3)].tolist() == [4, 11, 12]


def test_of_equally_new_examples_the_first_rows_are_kept() -> None:
    events = _events([(0, 0, 9), (0, 5, 1), (1, 0, 9), (1, 5, 2), (2, 0, 9), (2, 5, 3), (2, 7, 4)])
    examples = make_examples(events)  # of users 0, 1 and 2 at second 5, and of user 2 at 7
    assert events.item[newest(examples, events, 9, 3)].tolist() == [1, 2, 4]


def test_what_is_outdated_is_replaced_by_what_its_item_saw_last() -> None:
    events = _events([(0, 1, 9), (0, 2, 5), (0, 6, 5), (1, 1, 9), (1, 4, 5), (1, 5, 7)])
    examples = make_examples(events)
    found = [(int(events.ts[t]), int(events.item[t])) for t in examples]
    assert found == [(2, 5), (6, 5), (4, 5), (5, 7)]

    def times(drawn: list[int], per_item: int) -> list[int]:
        found: list[int] = events.ts[
            replace_stale(examples[drawn], examples, events, per_item)
        ].tolist()
        return found

    # Item 5 was taken at 2, 4 and 6: of age 2, 1 and 0. With two kept, age 2 becomes age 0, and the
    # others stay.
    assert times([0, 2, 3], 2) == [6, 4, 5]
    # With one kept, all of them become the newest; item 7 has no other.
    assert times([0, 1, 2, 3], 1) == [6, 6, 6, 5]
    assert times([0, 1, 2, 3], 3) == [2, 6, 4, 5]


def test_only_items_with_more_examples_than_are_kept_are_renewed() -> None:
    # Item 5 is taken at 2, 4, 6 and 8, item 7 at 3 and 9. With three kept, item 5's oldest gives
    # way to its newest.
    events = _events(
        [(0, 1, 9), (0, 2, 5), (0, 3, 7), (0, 4, 5), (1, 1, 9), (1, 6, 5), (1, 8, 5), (1, 9, 7)]
    )
    examples = make_examples(events)
    assert [(int(events.ts[row]), int(events.item[row])) for row in examples] == [
        *[(2, 5), (3, 7), (4, 5)],
        *[(6, 5), (8, 5), (9, 7)],
    ]
    assert events.ts[replace_stale(examples, examples, events, 3)].tolist() == [8, 3, 4, 6, 8, 9]


def test_replay_prefers_recent_examples() -> None:
    events = _events([(u, t, 1) for u in range(200) for t in (0, 10, 110)])
    examples = make_examples(events)  # 200 at t=10 and 200 at t=110
    drawn = sample_recent(examples, events, 100, 110, 50.0, np.random.default_rng(0))
    # At age 100 = two half-lives an example is a quarter as likely: about 20 of 100 draws.
    assert 8 <= int((events.ts[drawn] == 10).sum()) <= 32
    assert len(set(drawn.tolist())) == 100


def test_held_out_share_is_about_right_and_differs_by_salt() -> None:
    users = np.arange(20_000, dtype=np.int32)
    first, second = held_out_users(users, 0.05, 1), held_out_users(users, 0.05, 2)
    assert 850 < first.sum() < 1150
    assert (first & second).sum() < 120
    assert (held_out_users(users, 0.05, 1) == first).all()


def test_negatives_leave_out_everything_the_user_had() -> None:
    negatives = TrueNegatives(WORLD, n_users=2, n_items=9, available=np.zeros(9, np.int64))
    users, candidates = np.array([0, 1, 0], np.int32), np.array([6, 8, 5], np.int32)
    # User 0 had 5, 6, 7, so only item 8 is a negative; user 1 had 8. The diagonal is the positive
    # itself.
    assert negatives.allowed(users, candidates, np.array([2, 9, 3])).tolist() == [
        [True, True, False],
        [True, True, True],
        [False, True, True],
    ]


def test_negatives_leave_out_what_was_not_there_yet() -> None:
    available = np.array([0, 0, 0, 0, 0, 0, 0, 0, 9])
    negatives = TrueNegatives(WORLD, n_users=2, n_items=9, available=available)
    users, candidates = np.array([0, 1, 0], np.int32), np.array([6, 8, 4], np.int32)
    # Item 8 exists from second 9: at 2 it could not be chosen, at 9 and at 10 it could. Items 6 and
    # 4 always could; user 0 had 6.
    assert negatives.allowed(users, candidates, np.array([2, 9, 10])).tolist() == [
        [True, False, True],
        [True, True, True],
        [False, True, True],
    ]


def test_an_item_that_nobody_declared_was_absent_three_gaps_before_its_first_event() -> None:
    # Item 9 at seconds 0 to 5, item 0 at 10 to 15, item 1 at 15. Of the 13 events, item 0's first
    # is number 6: its 6 of the 7 from there make gaps of 7/6 events; three are 3.5, so it was not
    # there before event 2.5 (rounded: 3), at second 3. Item 1: number 11 of 13, one gap of 2: event
    # 5, second 5. Item 9 was there before the first event.
    events = _events(
        [(0, t, 9) for t in range(6)] + [(1, t, 0) for t in range(10, 16)] + [(2, 15, 1)]
    )
    known = np.array([10, 15, 99, *[0] * 6, 0])
    assert surely_absent_before(events, known)[[0, 1, 2, 9]].tolist() == [3, 5, 99, 0]
    # Who declares an item earlier knows better.
    known[0] = 2
    assert surely_absent_before(events, known)[0] == 2


def test_an_epoch_reads_no_more_than_its_share_of_a_user() -> None:
    # Users 0, 1, 2 have 1, 4, 2 examples; at most 2 of each: 1 + 2 + 2 = 5, and one of user 1's is
    # read every second epoch.
    draws = Draws(np.array([0, 1, 1, 1, 1, 2, 2], np.int32), per_user=2)
    assert draws.size == 5
    assert draws.probability.tolist() == [1.0, 0.5, 0.5, 0.5, 0.5, 1.0, 1.0]
    rng = np.random.default_rng(1)
    epochs = [draws.draw(rng).tolist() for _ in range(200)]
    assert all(len(set(epoch)) == 5 and {0, 5, 6} < set(epoch) for epoch in epochs)
    # 100 of 200 epochs each, deviation 7.
    assert all(70 < sum(n in epoch for epoch in epochs) < 130 for n in (1, 2, 3, 4))
