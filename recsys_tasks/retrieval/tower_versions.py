"""Versions and lineages of the two-tower, as they lie in the lake. Needs no TensorFlow.

A lineage is one warm chain under one hash of what shapes the model; a version is named
`<lineage>.<learned_before>` and a lineage `<hash>-<yyyymmdd of its cold start>`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_tasks.clock import parse_day
from recsys_tasks.config import Config, config_hash
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact, Lake
from recsys_tasks.retrieval.tower_inputs import Vectors, Vocabulary
from recsys_tasks.retrieval.tower_weights import Arrays, touched

KIND = "tower"


@dataclass(frozen=True)
class Archive:
    """Id vectors and moments of items that left the catalogue, by ascending item key."""

    keys: Keys
    vectors: Vectors
    first: Vectors
    second: Vectors

    @classmethod
    def empty(cls, dimensions: int) -> Archive:
        """An archive of nothing."""
        none = np.zeros((0, dimensions), np.float32)
        return cls(np.zeros(0, np.int32), none, none, none)


@dataclass(frozen=True)
class TowerState:
    """What a version is made of.

    Row k of `arrays["item"]` belongs to item key k; items that never had an example have zero rows.
    `last_seen` is the day (days since 1970) on which an item was last in the catalogue or in an event.
    """

    arrays: Arrays
    items: Vocabulary
    users: Vocabulary
    last_seen: npt.NDArray[np.int32]
    archive: Archive

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Items with an id vector of their own: those whose second moments training has touched."""
        return touched(self.arrays, "item")

    def known_of(self, m: int) -> npt.NDArray[np.bool_]:
        """`known`, for `m` items of which the last may be new."""
        known = self.known
        return np.pad(known, (0, m - len(known)))

    def save(self, folder: Path) -> None:
        """Write weights.npz, archive.npz and vocabulary.json."""
        stored: dict[str, Any] = {**self.arrays, "last_seen": self.last_seen}
        np.savez(folder / "weights.npz", **stored)
        np.savez(folder / "archive.npz", **vars(self.archive))
        vocabulary = {"items": self.items.to_json(), "users": self.users.to_json()}
        (folder / "vocabulary.json").write_text(json.dumps(vocabulary, sort_keys=True))

    @classmethod
    def load(cls, artifact: Artifact) -> TowerState:
        """Inverse of `save`. Raises ArtifactError when a file is missing."""
        with np.load(artifact.file("weights.npz"), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        with np.load(artifact.file("archive.npz"), allow_pickle=False) as stored:
            archive = Archive(**{name: stored[name] for name in stored.files})
        vocabulary = json.loads(artifact.file("vocabulary.json").read_text())
        last_seen = arrays.pop("last_seen")
        items, users = (Vocabulary.from_json(vocabulary[name]) for name in ("items", "users"))
        return cls(arrays, items, users, last_seen, archive)


@dataclass(frozen=True)
class TowerVersion:
    """A finished version. `ledger` tells how it was made; see `warm_start.py`."""

    lineage: str
    learned_before: date
    artifact: Artifact
    ledger: Mapping[str, Any]


def lineage_hash(config: Config) -> str:
    """What a version's arrays depend on: the model's settings, declared attributes, kinds of event."""
    kinds = [kind.model_dump_json() for kind in config.events.kinds]
    attributes = [a.model_dump_json() for a in (*config.items.attributes, *config.users.attributes)]
    return config_hash(config.two_tower, *attributes, len(config.items.attributes), *kinds)[:8]


def version_key(lineage: str, learned_before: date) -> str:
    """Key of a version in the lake."""
    return f"{lineage}.{learned_before.isoformat()}"


def as_version(artifact: Artifact) -> TowerVersion:
    """The version an artifact holds."""
    lineage, day = artifact.key.split(".")
    ledger = json.loads(artifact.file("ledger.json").read_text())
    return TowerVersion(lineage, parse_day(day), artifact, {**ledger, **artifact.facts})


def open_tower(lake: Lake, lineage: str, learned_before: date) -> TowerVersion:
    """A version by name. Raises ArtifactError when there is none."""
    return as_version(lake.require(KIND, version_key(lineage, learned_before)))


def versions_of(lake: Lake, lineage: str) -> list[date]:
    """`learned_before` of a lineage's versions, oldest first."""
    return [parse_day(key.split(".")[1]) for key in lake.keys(KIND) if key.startswith(f"{lineage}.")]


def tower_at(lake: Lake, lineage: str, cutoff: date) -> TowerVersion | None:
    """The newest version of a lineage that learned nothing from `cutoff` on, or None."""
    days = [day for day in versions_of(lake, lineage) if day <= cutoff]
    return open_tower(lake, lineage, days[-1]) if days else None


def lineage_start(lineage: str) -> date:
    """Day of a lineage's cold training."""
    return datetime.strptime(lineage.split("-")[1], "%Y%m%d").date()  # noqa: DTZ007 (a date has no zone)


def lineages_of(lake: Lake, config: Config, as_of: date) -> list[str]:
    """Lineages of this config that have served no longer than `cold_every_nights`, the most advanced first.

    A lineage is trained cold as far back as its first night's oldest label window, and serves from that night on.
    Of equally advanced ones, the one that reaches further back comes first.
    """
    prefix, back = f"{lineage_hash(config)}-", config.label_window_days * (config.ranker.windows + 1)
    oldest = config.two_tower.warm_start.cold_every_nights + back + config.learning_lag_days
    newest: dict[str, date] = {}
    for key in lake.keys(KIND):
        lineage, day = key.split(".")
        if key.startswith(prefix) and parse_day(day) <= as_of:
            newest[lineage] = max(newest.get(lineage, date.min), parse_day(day))
    fresh = [name for name in newest if (as_of - lineage_start(name)).days <= oldest]
    return sorted(fresh, key=lambda name: (-newest[name].toordinal(), lineage_start(name)))


def current_lineage(lake: Lake, config: Config, as_of: date) -> str | None:
    """The lineage a night uses; None when there is none of this config or it is due for a cold start."""
    return next(iter(lineages_of(lake, config, as_of)), None)
