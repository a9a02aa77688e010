"""The simulated shop: repeatable, with tastes that can be learned and lists that are seen."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from recsys_tasks.clock import start_of
from recsys_tasks.config import Config
from recsys_tasks.errors import ConfigError
from recsys_tasks.sources.base import open_source
from recsys_tasks.sources.kinds.shop import ShopSource
from recsys_tasks.sources.shop.source import Shop
from tests.worlds import make_config

SMALL = ShopSource(seed=3, users=600, items=300, first_day="2026-01-05", sessions_per_user_day=0.3)


def shop_config(**changes: object) -> Config:
    kinds = [{"name": "view"}, {"name": "cart"}, {"name": "purchase"}]
    items = {
        "title_column": "title",
        "available_column": "available",
        "available_from_column": "available_from",
        "attributes": [{"name": "tags", "kind": "multi"}, {"name": "price", "kind": "numeric"}],
    }
    return make_config(
        source=SMALL.model_dump(),
        clock="simulated",
        items=items,
        events={"kinds": kinds, "price_column": "price"},
        **changes,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    Shop(SMALL, folder).simulate(date(2026, 2, 9))
    return folder


def read(folder: Path, day: date) -> pd.DataFrame:
    path = folder / "shop" / "events" / f"{day}.parquet"
    frame: pd.DataFrame = pq.read_table(path).to_pandas()
    return frame


def test_the_same_seed_makes_the_same_bytes(home: Path, tmp_path: Path) -> None:
    shop = Shop(SMALL, tmp_path)
    shop.simulate(date(2026, 1, 20))
    Shop(SMALL, tmp_path).simulate(
        date(2026, 1, 22)
    )  # another process goes on where the first stopped
    for day in (date(2026, 1, 5), date(2026, 1, 21)):
        name = f"shop/events/{day}.parquet"
        assert (tmp_path / name).read_bytes() == (home / name).read_bytes()


def test_days_hold_their_own_rows_only(home: Path) -> None:
    for day in (date(2026, 1, 5), date(2026, 2, 8)):
        rows = read(home, day)
        assert rows["timestamp"].between(start_of(day), start_of(day) + 86_399).all()
        assert not rows.duplicated().any()
        assert set(rows["event"]) == {"view", "cart", "purchase"}
    assert not (home / "shop" / "events" / "2026-02-09.parquet").exists()


def test_the_source_simulates_a_missing_history_and_reads_it(tmp_path: Path) -> None:
    source = open_source(shop_config(), tmp_path)
    source.prepare(date(2026, 1, 12))
    assert source.read_events(None, date(2026, 1, 12)).num_rows == sum(
        len(read(tmp_path, date(2026, 1, day))) for day in range(5, 12)
    )
    items = source.read_items().to_pandas()
    assert items["title"].str.split().str.len().min() >= 2
    assert items["available"].mean() > 0.85
    # launches are announced three days ahead: the newest day is the 11th
    assert items["available_from"].max() <= start_of(date(2026, 1, 14))
    assert (
        source.count_after(start_of(date(2026, 1, 8))) == 0
    )  # later days of the history are no rows from the future
    # Stock of the morning after the newest day, also when an older night is run again.
    assert source.items_as_of(datetime(2026, 1, 8, 1, tzinfo=UTC)) == date(2026, 1, 12)


def test_taste_beats_popularity(home: Path) -> None:
    days = [read(home, date.fromordinal(date(2026, 1, 5).toordinal() + n)) for n in range(35)]
    train, test = pd.concat(days[:28]), pd.concat(days[28:])
    users, items = sorted({*train["user_id"]}), sorted({*train["item_id"]})
    seen = np.zeros((len(users), len(items)))
    seen[train["user_id"].map(users.index), train["item_id"].map(items.index)] = 1
    together = seen.T @ seen
    alike = together / (np.sqrt(np.outer(np.diag(together), np.diag(together))) + 10)
    np.fill_diagonal(alike, 0)
    test = test[test["user_id"].isin(users) & test["item_id"].isin(items)]
    truth = np.zeros_like(seen)
    truth[test["user_id"].map(users.index), test["item_id"].map(items.index)] = 1
    truth[seen > 0] = 0  # items new to the user

    def recall(scores: np.ndarray) -> float:
        top = np.argsort(-np.where(seen > 0, -np.inf, scores), axis=1)[:, :20]
        rows = truth.sum(axis=1) > 0
        return float(
            (np.take_along_axis(truth, top, 1).sum(axis=1)[rows] / truth.sum(axis=1)[rows]).mean()
        )

    popular = recall(np.tile(seen.sum(axis=0), (len(users), 1)))
    assert recall(seen @ alike) > 1.4 * popular


def test_shown_items_are_chosen_more_often(home: Path, tmp_path: Path) -> None:
    day = date(2026, 1, 6)
    shop = Shop(SMALL, tmp_path)
    shop.simulate(day)
    on_sale = shop.catalogue.ids[shop.catalogue.in_stock(day)][:10]
    shop.simulate_day(day, {user: list(on_sale) for user in shop.people.ids})
    alone, shown = read(home, day), read(tmp_path, day)
    assert shown["item_id"].isin(on_sale).mean() > 1.5 * alone["item_id"].isin(on_sale).mean()


def test_a_bad_batch_can_be_corrected(tmp_path: Path) -> None:
    day = date(2026, 1, 6)
    shop = Shop(SMALL, tmp_path)
    shop.simulate(date(2026, 1, 7))
    good = read(tmp_path, day)
    before = open_source(shop_config(), tmp_path).fingerprint()
    shop.write_bad_batch(day)
    bad = read(tmp_path, day)
    known = set(shop.catalogue.ids)
    assert 0.2 < 1 - bad["item_id"].isin(known).mean() < 0.4
    assert bad["user_id"].isna().any()
    assert (bad["price"] < 0).any()
    assert "VIEWED" in set(bad["event"])
    source = open_source(shop_config(), tmp_path)
    assert source.fingerprint() != before
    assert source.count_after(start_of(date(2026, 1, 7))) > 0
    shop.write_corrected_batch(day)
    pd.testing.assert_frame_equal(read(tmp_path, day), good)


def test_a_night_before_the_first_day_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="first day"):
        Shop(SMALL, tmp_path).simulate(date(2026, 1, 5))
