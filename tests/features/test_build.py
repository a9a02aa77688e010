"""Features of a shop of five events, worked by hand, and what the future must not change."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys_tasks.clock import DAY_SECONDS, Cutoffs, start_of
from recsys_tasks.config import parse_config
from recsys_tasks.features.build import build_features
from recsys_tasks.features.tables import FeatureTables
from recsys_tasks.lake.checksums import hash_file
from recsys_tasks.serving.precompute import active_users
from tests.worlds import make_config, make_snapshot

CUTOFF = date(2026, 3, 1)
NOW = start_of(CUTOFF)
KINDS = [{"name": "view", "weight": 1}, {"name": "purchase", "weight": 5}]
CONFIG = make_config(
    events={"kinds": KINDS, "price_column": "price", "quantity_column": "quantity"},
    features={"history_half_life_days": 10.0},
    users={"attributes": [{"name": "country", "kind": "categorical"}], "segment_by": "country"},
)
USERS = pd.DataFrame({"user_id": ["ann", "bob"], "country": ["FR", "DE"]})
ROWS = pd.DataFrame(
    #  user item  days before the cutoff, kind, price, quantity
    [
        ("ann", "tea", 40.0, "purchase", 4.0, 1.0),
        ("ann", "tea", 20.0, "purchase", 2.0, 3.0),
        ("ann", "tea", 10.0, "view", np.nan, np.nan),
        ("bob", "tea", 5.0, "view", 3.0, np.nan),
        ("bob", "jam", 2.5, "purchase", 9.0, 2.0),
    ],
    columns=["user_id", "item_id", "age", "event", "price", "quantity"],
)
ANN, BOB, JAM, TEA = 0, 1, 0, 1  # keys follow the sorted ids


def rows_at(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(ts=NOW - (rows.age * DAY_SECONDS).astype(np.int64))


def build(folder: Path, rows: pd.DataFrame = ROWS, cutoffs: Cutoffs | None = None) -> FeatureTables:
    snapshot = make_snapshot(folder, CONFIG, CUTOFF + timedelta(days=5), rows_at(rows), users=USERS)
    artifact = build_features(snapshot, cutoffs or Cutoffs.at(CUTOFF))
    return FeatureTables.open(artifact)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> FeatureTables:
    return build(tmp_path_factory.mktemp("lake"))


def test_item_features(tables: FeatureTables) -> None:
    tea = dict(zip(tables.item_names, tables.item[TEA], strict=True))
    expected = {
        "popularity_7d": np.log1p(1),  # bob's view
        "popularity_28d": np.log1p(5 + 1 + 1),  # ann's second purchase and view, bob's view
        "popularity_all": np.log1p(5 + 5 + 1 + 1),
        "users_28d": np.log1p(2),
        "trend": np.log((1 * 4 + 4) / (7 + 4)),
        "since_last": 5.0,
        "since_first": 40.0,
        "age": 40.0,  # available from its first event
        "repeat_rate": 0.5,  # ann on three days, bob on one
        "repeat_gap": 30.0 / 2,  # ann: 40 → 10 days over two gaps
        "price": 3.0,  # median of 4, 2 and 3
        "season": 0.0,
        "view_28d": np.log1p(2),
        "purchase_28d": np.log1p(1),
    }
    for name, value in expected.items():
        assert tea[name] == pytest.approx(value, abs=1e-6), name


def test_user_features(tables: FeatureTables) -> None:
    ann = dict(zip(tables.user_names, tables.user[ANN], strict=True))
    expected = {
        "events": np.log1p(3),
        "days": np.log1p(3),
        "items": np.log1p(1),
        "gap": 15.0,
        "repeat_share": 1.0,
        "since_last": 10.0,
        "since_first": 40.0,
        "events_7d": 0.0,
        "events_28d": np.log1p(2),
        "price": 3.0,  # median of 4 and 2
    }
    for name, value in expected.items():
        assert ann[name] == pytest.approx(value, abs=1e-6), name


def test_pair_features(tables: FeatureTables) -> None:
    rows = tables.pair.gather(np.array([ANN, ANN], np.int32), np.array([TEA, JAM], np.int32))
    ann_tea = dict(zip(tables.pair_names, rows[0], strict=True))
    expected = {
        "recent": 5 / 16 + 5 / 4 + 1 / 2,  # half-life 10 days: ages 40, 20, 10
        "long": 5 * 2 ** (-40 / 180) + 5 * 2 ** (-20 / 180) + 2 ** (-10 / 180),
        "events": 3,
        "days": 3,
        "since_last": 10.0,
        "since_first": 40.0,
        "gap": 15.0,
        "rate": 3 / 4,
        "due": 10 / 16,
        "quantity": np.log1p(4),
        "view_events": 1,
        "purchase_events": 2,
    }
    for name, value in expected.items():
        assert ann_tea[name] == pytest.approx(value, abs=1e-5), name
    assert np.isnan(rows[1]).all()  # ann never touched jam


def test_segment_features(tables: FeatureTables) -> None:
    # Weighted events of 28 days: ann (FR) tea 5 + 1, bob (DE) tea 1 and jam 5; 12 in all, 7 of tea,
    # 6 in DE.
    assert tables.segment is not None
    out = np.empty((3, len(tables.segment_names)), np.float32)
    tables.segment.fill(
        np.array([ANN, BOB, BOB], np.int32), np.array([TEA, TEA, JAM], np.int32), out
    )
    ann_tea, bob_tea, bob_jam = (dict(zip(tables.segment_names, row, strict=True)) for row in out)
    assert [row["popularity_7d"] for row in (ann_tea, bob_tea, bob_jam)] == pytest.approx(
        [0, np.log1p(1), np.log1p(5)]
    )
    assert [row["popularity_28d"] for row in (ann_tea, bob_tea)] == pytest.approx(
        [np.log1p(6), np.log1p(1)]
    )
    # Expected in each half of the events: tea 3.5, jam 2.5; four more on both sides.
    lifts = [row["lift"] for row in (ann_tea, bob_tea, bob_jam)]
    assert lifts == pytest.approx(np.log([10 / 7.5, 5 / 7.5, 9 / 6.5]), abs=1e-6)


def test_what_a_segment_never_touched_and_strangers(tables: FeatureTables) -> None:
    assert tables.segment is not None
    out = np.empty((2, len(tables.segment_names)), np.float32)
    tables.segment.fill(np.array([ANN, 99], np.int32), np.array([JAM, TEA], np.int32), out)
    assert np.isnan(
        out
    ).all()  # jam is unknown in FR; a user newer than the table is in segment 0, which is empty


def test_a_shop_without_segments_has_no_such_features(tmp_path: Path) -> None:
    config = CONFIG.model_copy(
        update={"users": CONFIG.users.model_copy(update={"segment_by": None})}
    )
    snapshot = make_snapshot(tmp_path, config, CUTOFF, rows_at(ROWS), users=USERS)
    tables = FeatureTables.open(build_features(snapshot, Cutoffs.at(CUTOFF)))
    assert tables.segment is None and tables.segment_names == ()


def test_the_season_is_the_coming_fortnight_of_last_year(tmp_path: Path) -> None:
    old = pd.DataFrame(
        [("bob", "jam", age, "view", 1.0, 1.0) for age in (366.0, 365.0, 352.0)],
        columns=ROWS.columns,
    )
    tables = build(tmp_path, pd.concat([ROWS, old]))
    jam = dict(zip(tables.item_names, tables.item[JAM], strict=True))
    rows = tables.pair.gather(np.array([BOB, BOB], np.int32), np.array([JAM, TEA], np.int32))
    bob_jam, bob_tea = (dict(zip(tables.pair_names, row, strict=True)) for row in rows)
    assert (bob_jam["season"], bob_jam["season_long"]) == (
        2.0,
        3.0,
    )  # the same ages; all within two months of a year
    assert (bob_tea["season"], bob_tea["season_long"]) == (0.0, 0.0)
    assert jam["season"] == pytest.approx(
        np.log1p(2)
    )  # ages 365 and 352; 366 is before the fortnight
    assert jam["season_share"] == pytest.approx(2 / (8 + 1))


def test_planted_future_rows_change_nothing(tmp_path: Path, tables: FeatureTables) -> None:
    future = ROWS.assign(age=[-0.0, -1.0, -1.5, -2.0, -3.0], price=100.0)
    leaky = build(tmp_path, pd.concat([ROWS, future]))
    assert tables.segment is not None and leaky.segment is not None
    for ours, theirs in (
        (tables.user, leaky.user),
        (tables.item, leaky.item),
        (tables.pair.values, leaky.pair.values),
        (tables.segment.pairs.values, leaky.segment.pairs.values),
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_counts_end_at_learned_before_and_histories_at_history_before(tmp_path: Path) -> None:
    late = Cutoffs(CUTOFF - timedelta(days=4), CUTOFF)  # bob bought jam 2.5 days before the cutoff
    tables = build(tmp_path, cutoffs=late)
    item = dict(zip(tables.item_names, tables.item[JAM], strict=True))
    assert np.isnan(item["popularity_all"])  # it exists, and nothing is known of it
    assert item["trend"] == 0.0
    gathered = tables.pair.gather(np.array([BOB], np.int32), np.array([JAM], np.int32))
    pair = dict(zip(tables.pair_names, gathered[0], strict=True))
    assert pair["events"] == 1
    user = dict(zip(tables.user_names, tables.user[BOB], strict=True))
    assert user["events"] == pytest.approx(np.log1p(1))
    assert user["since_last"] == 2.5


def test_an_item_that_does_not_exist_yet_has_no_features(tmp_path: Path) -> None:
    items = pd.DataFrame(
        {"item_id": ["jam", "tea", "new"], "available_from": [NOW - 99, NOW - 99, NOW]}
    )
    snapshot = make_snapshot(
        tmp_path, CONFIG, CUTOFF + timedelta(days=1), rows_at(ROWS), items, USERS
    )
    tables = FeatureTables.open(build_features(snapshot, Cutoffs.at(CUTOFF)))
    new = int(snapshot.items.index[snapshot.items.item_id == "new"][0])
    assert np.isnan(tables.item[new]).all()


def test_a_rerun_is_a_no_op_and_a_rebuild_has_the_same_bytes(tmp_path: Path) -> None:
    first = make_snapshot(tmp_path / "a", CONFIG, CUTOFF, rows_at(ROWS), users=USERS)
    second = make_snapshot(tmp_path / "b", CONFIG, CUTOFF, rows_at(ROWS.iloc[::-1]), users=USERS)
    ours, again = (
        build_features(first, Cutoffs.at(CUTOFF)),
        build_features(first, Cutoffs.at(CUTOFF)),
    )
    theirs = build_features(second, Cutoffs.at(CUTOFF))
    assert ours.version == again.version
    for name in ("user.parquet", "item.parquet", "segment.parquet", "pair.parquet"):
        assert hash_file(ours.file(name)) == hash_file(theirs.file(name))


def test_no_history_at_all_is_no_error(tmp_path: Path) -> None:
    tables = build(tmp_path, cutoffs=Cutoffs.at(CUTOFF - timedelta(days=300)))
    assert np.isnan(tables.user).all()
    gathered = tables.pair.gather(np.array([ANN], np.int32), np.array([TEA], np.int32))
    assert np.isnan(gathered).all()


def test_what_a_negative_event_took_back_is_in_no_feature(tmp_path: Path) -> None:
    negatives = [{"name": "return", "takes_back": "newest", "of": ["purchase"]}]
    events = CONFIG.events.model_dump(exclude={"negatives"}) | {"negatives": negatives}
    returning = parse_config(CONFIG.model_dump(mode="json") | {"events": events})
    turned = pd.DataFrame(
        [
            ("ann", "tea", 15.0, "return", np.nan, 1.0),  # of the purchase 20 days before
            ("bob", "jam", -1.0, "return", np.nan, 1.0),  # after the cutoff: not known
        ],
        columns=ROWS.columns,
    )
    made = []
    for name, config, rows in (
        ("returned", returning, pd.concat([ROWS, turned])),
        ("never", CONFIG, ROWS.drop(index=1)),
    ):
        shop = rows_at(rows).sort_values(["user_id", "ts"])
        snapshot = make_snapshot(
            tmp_path / name, config, CUTOFF + timedelta(days=5), shop, users=USERS
        )
        assert active_users(snapshot, config, Cutoffs.at(CUTOFF)).tolist() == [ANN, BOB]
        made.append(FeatureTables.open(build_features(snapshot, Cutoffs.at(CUTOFF))))
    returned, never = made
    np.testing.assert_array_equal(returned.item, never.item)
    np.testing.assert_array_equal(returned.user, never.user)
    np.testing.assert_array_equal(returned.pair.values, never.pair.values)
