"""Whole nights of a shop whose items come with images' vectors; on the second night another encoder
made them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys_tasks.commands.export_embeddings import export_embeddings
from recsys_tasks.config import Config, parse_config
from recsys_tasks.retrieval.tower.versions import TowerState, open_tower
from recsys_tasks.retrieval.tower.weights import projection
from recsys_tasks.sources.kinds.shop import ShopSource
from recsys_tasks.sources.shop.source import Shop
from recsys_tasks.stages import Night, run_all
from tests.stages.shop_nights import (
    FIRST_NIGHT,
    SECOND_NIGHT,
    SETTINGS,
    Results,
    rows,
    running_shop,
)

Nights = tuple[Night, Results, Night, Results]
WITHOUT = 5
"""The first items have no image, and one of them a vector of NaN."""


def deliver_images(items: Path, dimensions: int, to: Path) -> None:
    """The shop's items, each with a vector that looks like its category."""
    table = pq.read_table(items)
    codes, names = pd.factorize(table["category"].to_pandas(), sort=True)
    rng = np.random.default_rng(dimensions)
    vectors = list(
        rng.normal(size=(len(names), dimensions))[codes] + rng.normal(size=(len(codes), dimensions))
    )
    vectors[:WITHOUT] = [None] * (WITHOUT - 1) + [np.full(dimensions, np.nan)]
    pq.write_table(table.append_column("image", pa.array(vectors, pa.list_(pa.float64()))), to)


def image_config(folder: Path, images: Path, dimensions: int) -> Config:
    source = {
        "kind": "files",
        "events": str(folder / "events"),
        "items": str(images),
        "users": f"{folder}/users.parquet",
    }
    image = {"name": "image", "kind": "vector", "dimensions": dimensions}
    items = {**SETTINGS["items"], "attributes": [*SETTINGS["items"]["attributes"], image]}
    settings: dict[str, Any] = {**SETTINGS, "source": source, "items": items}
    return parse_config(settings)


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    with running_shop(tmp_path_factory.mktemp("images")) as (config, first, _):
        assert isinstance(config.source, ShopSource)
        environment = first.environment
        shop, images = Shop(config.source, environment.home), environment.home / "images.parquet"
        shop.simulate(FIRST_NIGHT)
        deliver_images(shop.folder / "items.parquet", 8, images)
        first = Night.open(image_config(shop.folder, images, 8), environment, FIRST_NIGHT)
        one = {result.stage: result for result in run_all(first)}
        release = str(one["train_ranker"].figures["release"])
        first.registry.promote(release, who="test", why="whatever the gate said", at=first.now)
        shop.simulate_day(FIRST_NIGHT, {})
        deliver_images(shop.folder / "items.parquet", 4, images)
        second = Night.open(image_config(shop.folder, images, 4), environment, SECOND_NIGHT)
        yield first, one, second, {result.stage: result for result in run_all(second)}


def state_of(night: Night, results: Results) -> TowerState:
    lineage = str(results["train_two_tower"].figures["lineage"])
    return TowerState.load(open_tower(night.lake, lineage, night.as_of).artifact)


def test_the_night_learns_a_projection_and_publishes(nights: Nights) -> None:
    first, one, *_ = nights
    state = state_of(first, one)
    assert (
        state.arrays[projection("image")].shape == (8, 16)
        and state.arrays[projection("image")].any()
    )
    assert len(state.items.centres["image"]) == 8
    assert one["publish"].rows > 300
    report = first.lake.require("validation", FIRST_NIGHT.isoformat())
    assert report.facts["warnings"] == ["items.image_finite"]


def test_readers_of_sql_see_no_vector_among_the_attributes(nights: Nights) -> None:
    found = rows(nights[0], "SELECT attributes FROM recsys.items")["attributes"]
    assert all(set(attributes) == {"category", "tags", "price"} for attributes in found)


def test_vectors_are_exported_with_a_map(nights: Nights, tmp_path: Path) -> None:
    first, *_ = nights
    done = export_embeddings(first.config, first.environment, FIRST_NIGHT, tmp_path / "vectors")
    header = (tmp_path / "vectors/projector/items/metadata.tsv").read_text().split("\n")[0]
    assert done.items > 200 and "image" not in header and "category" in header


def test_another_encoder_starts_a_lineage_and_the_champion_serves_on(nights: Nights) -> None:
    _, one, second, two = nights
    before, after = (str(results["train_two_tower"].figures["lineage"]) for results in (one, two))
    assert before != after
    assert state_of(second, two).arrays[projection("image")].shape == (4, 16)
    query = (
        "SELECT why FROM recsys.tower_versions WHERE lineage = :lineage ORDER BY learned_before"
        " LIMIT 1"
    )
    assert (
        rows(second, query, lineage=after)["why"][0]
        == "settings have changed: item attributes image changed"
    )
    # The champion's projection is for vectors that are there no more: its items are placed by all
    # else.
    assert open_tower(second.lake, before, SECOND_NIGHT).ledger["start"] == "warm"
    assert two["publish"].rows > 300
