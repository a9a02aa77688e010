"""A world whose items have supplied vectors."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from recsys_tasks.config import Config
from recsys_tasks.retrieval.tower.weights import projection
from recsys_tasks.snapshot.dataset import Snapshot
from tests.retrieval.tower_world import (
    GROUPS,
    PER_GROUP,
    group_config,
    group_events,
)
from tests.worlds import make_snapshot

DAY_12, DAY_14 = date(2024, 10, 16), date(2024, 10, 18)


DIMENSIONS, NEW = 32, 8


IMAGE = projection("image")


def image_config(dimensions: int | None = DIMENSIONS, **tower: object) -> Config:
    """The groups' shop, whose items have nothing but an image's vector; None: not even that."""
    image = {"name": "image", "kind": "vector", "dimensions": dimensions}
    attributes = {
        "items": {"attributes": [image] if dimensions else []},
        "users": {"attributes": []},
    }
    config = group_config(**tower)
    return Config.model_validate({**config.model_dump(exclude={"items", "users"}), **attributes})


def images() -> np.ndarray:
    """`[48, 32]`, far off the origin: item n < 40 looks like its group n // 10, item 40 + g like
    group g % 4.
    """
    rng = np.random.default_rng(3)
    groups = np.concatenate([np.repeat(np.arange(GROUPS), PER_GROUP), np.arange(NEW) % GROUPS])
    looks = 50.0 + 20.0 * rng.normal(size=(GROUPS, DIMENSIONS))
    vectors: np.ndarray = looks[groups] + 5.0 * rng.normal(size=(len(groups), DIMENSIONS))
    return vectors.astype(np.float32)


def image_snapshot(
    folder: Path, config: Config, vectors: np.ndarray | None, days: int = 14
) -> Snapshot:
    ids = [f"i{n:02d}" for n in range(GROUPS * PER_GROUP)] + [f"new{g}" for g in range(NEW)]
    items = pd.DataFrame({"item_id": ids})
    if vectors is not None:
        items["image"] = [None if np.isnan(vector).any() else vector for vector in vectors]
    return make_snapshot(folder, config, DAY_14, group_events(0, days), items=items)
