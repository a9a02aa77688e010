"""A small simulated shop and an environment of its own, for whole nights in tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa
import yaml

from recsys_tasks.config import Config, load_config
from recsys_tasks.registry.registry import prepare
from recsys_tasks.sources.shop.source import Shop
from recsys_tasks.stages import Night, StageResult, local_environment
from recsys_tasks.stages.night import mlflow_url
from tests.quick_server import wait_for_no_disk

FIRST_NIGHT = date(2026, 2, 16)
SECOND_NIGHT = date(2026, 2, 17)

Results = Mapping[str, StageResult]


@dataclass(frozen=True)
class TwoNights:
    """Both nights and their shop on a running server, and what their stages returned."""

    first: Night
    second: Night
    shop: Shop
    one: Results
    two: Results


SETTINGS = yaml.safe_load("""
    project: small_shop
    clock: simulated
    source: {kind: shop, seed: 3, users: 600, items: 260, first_day: "2026-01-05"}
    users: {attributes: [{name: country, kind: categorical}], segment_by: country}
    items:
      title_column: title
      category: category
      price: price
      available_from_column: available_from
      available_column: available
      attributes: [{name: category, kind: categorical}, {name: tags, kind: multi},
        {name: price, kind: numeric}]
    events: {price_column: price, kinds: [{name: view}, {name: cart, weight: 3}, {name: purchase,
      weight: 5}]}
    objectives: [{name: engage, events: [view, cart, purchase]}]
    activity: {min_events: 2, within_days: 40}
    embeddings: {publish: true}
    index: {exact_below: 100}
    two_tower: {dimensions: 16, epochs: 2, batch_size: 256, history_length: 10}
    ranker: {windows: 1, light_trees: 10, heavy_trees: 20, min_leaf_rows: 20}
    gate: {min_users: 30}
    serving: {k: 10, spares: 5, shards: 2}
    resources: {threads: 1}
    """)


def write_settings(folder: Path) -> Path:
    """The settings as a file."""
    path = folder / "recsys.yaml"
    path.write_text(yaml.safe_dump(SETTINGS))
    return path


@contextmanager
def running_shop(folder: Path) -> Iterator[tuple[Config, Night, Night]]:
    """Settings and two nights, on an embedded server that stops at the end."""
    config = load_config(write_settings(folder))
    with local_environment(folder / "home") as environment:
        wait_for_no_disk(environment.home)
        prepare(mlflow_url(environment))
        yield (
            config,
            Night.open(config, environment, FIRST_NIGHT),
            Night.open(config, environment, SECOND_NIGHT),
        )


def rows(night: Night, query: str, **values: Any) -> pd.DataFrame:
    """What the owner's database answers."""
    with night.engine.connect() as connection:
        return pd.read_sql_query(sa.text(query), connection, params=values)
