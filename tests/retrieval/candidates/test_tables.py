"""Generators of small shops, worked by hand, and what the future must not change."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys_tasks.clock import DAY_SECONDS, Cutoffs, start_of
from recsys_tasks.lake.checksums import hash_file
from recsys_tasks.retrieval.candidates.content import content_space
from recsys_tasks.retrieval.candidates.cooccurrence import following, together
from recsys_tasks.retrieval.candidates.fitting import Fitting
from recsys_tasks.retrieval.candidates.popularity import fresh, popular, trending
from recsys_tasks.retrieval.candidates.tables import (
    build_generators,
    fit_generators,
    open_generators,
)
from recsys_tasks.retrieval.histories import histories_of
from recsys_tasks.retrieval.select import top_dense, top_ragged
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.events import Events
from tests.worlds import make_config, make_snapshot

CUTOFF = date(2026, 3, 1)
NOW = start_of(CUTOFF)
ITEMS = pd.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "colour": ["red", "red|blue", "blue", None],
        "words": ["Tea pot", "tea", "", None],
    }
)
CONFIG = make_config(
    items={
        "attributes": [
            {"name": "colour", "kind": "multi"},
            {"name": "words", "kind": "text"},
        ]
    },
    users={"segment_by": "country", "attributes": [{"name": "country", "kind": "categorical"}]},
)
ROWS = pd.DataFrame(
    #  user, item, days before the cutoff
    [("u", "a", 9), ("u", "b", 8), ("u", "a", 2), ("v", "a", 5), ("v", "b", 5), ("w", "c", 3)],
    columns=["user_id", "item_id", "age"],
)
USERS = pd.DataFrame({"user_id": ["u", "v", "w"], "country": ["UK", "UK", None]})
A, B, C, D = range(4)
ALL = np.ones(4, bool)


def shop(folder: Path, rows: pd.DataFrame = ROWS, items: pd.DataFrame = ITEMS) -> Snapshot:
    rows = rows.assign(ts=NOW - (rows.age * DAY_SECONDS).astype(np.int64))
    return make_snapshot(folder, CONFIG, CUTOFF + timedelta(days=9), rows, items, USERS)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return shop(tmp_path_factory.mktemp("lake"))


@pytest.fixture
def events(snapshot: Snapshot) -> Events:
    return snapshot.events(before=CUTOFF)


def test_the_best_of_ragged_rows_breaks_ties_by_item_key() -> None:
    offsets = np.array([0, 4, 4, 6])
    items = np.array([7, 3, 5, 1, 2, 9], np.int32)
    scores = np.array([0.5, 0.5, 0.9, -1.0, 0.0, 0.1], np.float32)
    best, values = top_ragged(offsets, items, scores, 2)
    assert best.tolist() == [[5, 3], [-1, -1], [9, -1]]
    np.testing.assert_allclose(values, [[0.9, 0.5], [0.0, 0.0], [0.1, 0.0]])
    assert top_dense(items[None, :4], scores[None, :4], 3)[0].tolist() == [[5, 3, 7]]


def test_rows_are_the_same_in_any_block() -> None:
    rng = np.random.default_rng(0)
    sizes = rng.integers(0, 300, 60)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    items = np.concatenate([rng.permutation(400)[:size] for size in sizes]).astype(np.int32)
    scores = rng.integers(1, 5, len(items)).astype(np.float32)  # many ties
    whole, _ = top_ragged(offsets, items, scores, 20)
    for row in range(60):
        part = slice(offsets[row], offsets[row + 1])
        alone, _ = top_ragged(np.array([0, sizes[row]]), items[part], scores[part], 20)
        assert alone[0].tolist() == whole[row].tolist()


def test_histories_are_distinct_items_newest_first(events: Events) -> None:
    history = histories_of(events, 3, NOW, half_life_days=1.0)
    assert history.newest(3).tolist() == [[A, B, -1], [A, B, -1], [C, -1, -1]]
    expected = [2**-9 + 2**-2, 2**-8, 2**-5, 2**-5, 2**-3]  # u's a: nine and two days old
    np.testing.assert_allclose(history.weights, expected, rtol=1e-6)
    assert history.steps.tolist() == [0, 1, 0, 0, 0]  # v's a and b share a moment
    assert history.take(np.array([2, 0], np.int32)).items.tolist() == [C, A, B]


def test_items_follow_each_other_forward_and_backward(events: Events) -> None:
    # u: a, b, a; v: {a, b} in one basket of two, so 1/sqrt(2) each and 1/2 for the pair.
    # a → b: 1 forward (u's first a) + .6 backward (u's last a, one step back to b) + .5
    pairs = following(events, 4).rows(0, 4).toarray()
    popularity = np.sqrt((3 + 5) * (2 + 5))
    assert pairs[A, B] == pytest.approx((1 + 0.6 + 0.5) / popularity)
    assert pairs[B, A] == pytest.approx((1 + 0.6 + 0.5) / popularity)
    assert pairs[A, A] == 0
    assert pairs[C].sum() == 0


def test_what_comes_after_is_told_from_what_comes_before(events: Events) -> None:
    # a → b: u's first a one step before b, and v's basket; b → a: u's last a one step after b, and
    # v's basket. a → a, two steps apart, is no pair.
    onward = following(events, 4, backward=0.0)
    popularity = np.sqrt((3 + 5) * (2 + 5))
    assert onward.rows(0, 4).toarray()[A, B] == pytest.approx((1 + 0.5) / popularity)
    assert onward.rows(0, 4).toarray()[B, A] == pytest.approx((1 + 0.5) / popularity)
    past = events.before(NOW - 6 * DAY_SECONDS)  # u: a, then b
    onward = following(past, 4, backward=0.0)
    assert onward.rows(0, 4).toarray()[A, B] == pytest.approx(
        1 / 6
    )  # each once: 1 / sqrt((1 + 5) (1 + 5))
    assert onward.rows(0, 4).toarray()[B, A] == 0
    assert onward.turned().rows(0, 4).toarray()[B, A] == pytest.approx(1 / 6)
    assert onward.turned().rows(0, 4).toarray()[A, B] == 0


def test_items_of_one_user_go_together_less_when_old_or_among_many(events: Events) -> None:
    history = histories_of(events, 3, NOW, 60.0)
    pairs = together(history, 4, NOW).rows(0, 4).toarray()
    u = 2 ** (-2 / 42) * 2 ** (-8 / 42) / 3  # u's newest a and b; two items: 1 / (2 + 1)
    v = 2 ** (-5 / 42) * 2 ** (-5 / 42) / 3
    sums = [sum(2 ** (-d / 42) for d in days) / np.sqrt(3) + 5 for days in ([2, 5], [8, 5])]
    assert pairs[A, B] == pytest.approx((u + v) / np.sqrt(sums[0] * sums[1]), rel=1e-5)


def test_popularity_of_a_segment_is_drawn_towards_the_whole_shop(events: Events) -> None:
    segment = np.array([1, 1, 0], np.int32)
    items, scores = popular(events, segment, NOW, 28, np.ones(4, bool), 3)
    assert items.tolist() == [[A, B, C], [A, B, C]]  # shares 3/6, 2/6, 1/6
    np.testing.assert_allclose(
        scores[1], [(3 + 100) / 205, (2 + 200 / 3) / 205, (200 / 6) / 205], rtol=1e-5
    )


def test_trending_is_growth_beyond_chance(events: Events) -> None:
    items, scores = trending(events, NOW, np.array([True, True, True, False]), 3)
    # last 7 days: a 2, b 1, c 1; the 28 days before: a 1, b 1 → a quarter of an event expected
    assert items.tolist() == [[A, C, B]]
    np.testing.assert_allclose(scores[0], [1.75 / 1.5, 1 / np.sqrt(2), 0.75 / 1.5], rtol=1e-5)


def test_fresh_items_are_the_newest_that_exist() -> None:
    available = NOW - np.array([29, 20, 1, -1]) * DAY_SECONDS
    assert fresh(available, NOW, np.ones(4, bool))[0].tolist() == [2, 1]
    assert fresh(available, NOW, np.array([True, True, False, True]))[0].tolist() == [1]


def test_content_similarity_is_the_cosine_of_shared_values(snapshot: Snapshot) -> None:
    space = content_space(CONFIG, snapshot.items, np.ones(4, bool))
    assert space.items.shape[1] == 4  # blue, red, tea, pot
    rows = space.items.toarray()
    np.testing.assert_allclose((rows**2).sum(axis=1), [1, 1, 1, 0], rtol=1e-5)
    # A is red, tea and pot, B red, blue and tea: what only few items have weighs more, D has
    # nothing.
    assert 0 < rows[A] @ rows[B] < 1 and rows[A] @ rows[D] == 0


def test_stored_tables_open_as_they_were_and_twice_the_same(tmp_path: Path) -> None:
    first, second = shop(tmp_path / "1"), shop(tmp_path / "2", ROWS.iloc[::-1])
    ours, theirs = (
        build_generators(first, Cutoffs.at(CUTOFF)),
        build_generators(second, Cutoffs.at(CUTOFF)),
    )
    assert build_generators(first, Cutoffs.at(CUTOFF)).version == ours.version
    for name in ours.manifest["files"]:
        assert hash_file(ours.file(name)) == hash_file(theirs.file(name)), name
    opened = open_generators(ours, CONFIG)
    assert B in opened.arrays["covisitation"]["neighbour_items"][A]
    assert opened.eligible.tolist() == [True, True, True, True]


def test_planted_future_rows_change_nothing(tmp_path: Path, snapshot: Snapshot) -> None:
    future = pd.DataFrame([("u", "c", -1), ("v", "c", -2), ("w", "a", 0)], columns=ROWS.columns)
    items = ITEMS.assign(available_from=NOW - 50 * DAY_SECONDS)
    ours = fit_generators(Fitting(shop(tmp_path / "1", items=items), Cutoffs.at(CUTOFF), ALL))
    later = shop(tmp_path / "2", pd.concat([ROWS, future]), items)
    theirs = fit_generators(Fitting(later, Cutoffs.at(CUTOFF), ALL))
    for generator, arrays in ours.arrays.items():
        for name, values in arrays.items():
            np.testing.assert_array_equal(values, theirs.arrays[generator][name], err_msg=name)
    for name in ("after_items", "after_scores", "before_items", "before_scores"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    np.testing.assert_array_equal(ours.histories.items, theirs.histories.items)


def test_counts_end_at_learned_before(snapshot: Snapshot) -> None:
    cutoffs = Cutoffs(CUTOFF - timedelta(days=7), CUTOFF)
    tables = fit_generators(Fitting(snapshot, cutoffs, ALL))
    assert tables.arrays["segment_popular"]["popular_items"][0, :3].tolist() == [
        A,
        B,
        -1,
    ]  # c came three days before the cutoff
    assert tables.histories.newest(1)[2].tolist() == [C]  # and is w's own history all the same
    # By then u had a, then b; u's second a and v's basket, which would turn the pair round, came
    # later.
    assert tables.after_items[[A, B], 0].tolist() == [B, -1]
    assert tables.before_items[[A, B], 0].tolist() == [-1, A]


def test_no_table_names_an_item_that_is_not_eligible(tmp_path: Path) -> None:
    """a, the most popular, is gone: it takes no place of b and c, and still says what goes with
    it.
    """
    items = ITEMS.assign(available_from=NOW - 20 * DAY_SECONDS)
    left = np.array([False, True, True, True])
    tables = fit_generators(Fitting(shop(tmp_path, items=items), Cutoffs.at(CUTOFF), left))
    assert tables.arrays["segment_popular"]["popular_items"][0, :3].tolist() == [B, C, -1]
    np.testing.assert_allclose(
        tables.arrays["segment_popular"]["popular_scores"][0, :2], [2 / 3, 1 / 3]
    )  # of the events of what is left
    assert tables.arrays["trending"]["trending_items"][0, :3].tolist() == [C, B, -1]
    assert tables.arrays["fresh"]["fresh_items"].tolist() == [B, C, D]
    near = tables.arrays["covisitation"]["neighbour_items"]
    for named in (near, tables.after_items, tables.before_items):
        assert named[A, 0] == B and A not in named
    assert tables.histories.newest(2)[0].tolist() == [A, B]  # u had it all the same
    assert tables.content.items[A].nnz > 0


def delisted(folder: Path, *gone: str) -> Snapshot:
    """The shop, nine days after the cutoff, without some of its items."""
    return shop(folder, items=ITEMS.assign(available=~ITEMS["item_id"].isin(gone)))


def test_what_is_delisted_later_changes_nothing_at_a_past_cutoff(tmp_path: Path) -> None:
    ours = build_generators(delisted(tmp_path / "1"), Cutoffs.at(CUTOFF))
    theirs = build_generators(delisted(tmp_path / "2", "a", "b"), Cutoffs.at(CUTOFF))
    for name in ours.manifest["files"]:
        assert hash_file(ours.file(name)) == hash_file(theirs.file(name)), name


def test_a_night_and_a_cutoff_whose_night_is_known_name_what_was_on_offer(tmp_path: Path) -> None:
    rows = ROWS.assign(ts=NOW - ROWS.age * DAY_SECONDS)
    make_snapshot(
        tmp_path, CONFIG, CUTOFF, rows, ITEMS.assign(available=[True, False, True, True]), USERS
    )
    snapshot = delisted(tmp_path, "a")
    then = open_generators(build_generators(snapshot, Cutoffs.at(CUTOFF)), CONFIG)
    now = open_generators(build_generators(snapshot, Cutoffs.at(snapshot.as_of)), CONFIG)
    assert then.arrays["segment_popular"]["popular_items"][0, :3].tolist() == [
        A,
        C,
        -1,
    ]  # b was sold out that night
    assert now.arrays["segment_popular"]["popular_items"][0, :3].tolist() == [B, C, -1]


def test_tables_are_made_again_when_more_is_known_of_a_past_night(tmp_path: Path) -> None:
    snapshot = delisted(tmp_path)
    before = build_generators(snapshot, Cutoffs.at(CUTOFF))
    rows = ROWS.assign(ts=NOW - ROWS.age * DAY_SECONDS)
    make_snapshot(
        tmp_path, CONFIG, CUTOFF, rows, ITEMS.assign(available=[True, False, True, True]), USERS
    )
    after = build_generators(snapshot, Cutoffs.at(CUTOFF))
    assert (
        after.version != before.version
        and build_generators(snapshot, Cutoffs.at(CUTOFF)).version == after.version
    )
