"""Versions and lineages of the two-tower in the lake: find, open and save them, without TensorFlow.

A lineage is one warm chain under one hash of its `TowerSettings`; a version is named
`<lineage>.<learned_before>` and a lineage `<hash>-<yyyymmdd of its cold start>`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from recsys_tasks.arrays import Bool, Float32, Int32
from recsys_tasks.clock import Cutoffs
from recsys_tasks.config import Config
from recsys_tasks.errors import DataError
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact, Lake
from recsys_tasks.lake.keys import LineageName, TowerKey
from recsys_tasks.retrieval.kinds import TOWER
from recsys_tasks.retrieval.tower.files import read_arrays
from recsys_tasks.retrieval.tower.inputs import Vocabulary
from recsys_tasks.retrieval.tower.settings import TowerSettings
from recsys_tasks.retrieval.tower.weights import TABLES, Arrays, trained_rows
from recsys_tasks.snapshot.dataset import Snapshot

KIND = TOWER.name
SETTINGS, WEIGHTS = "settings.json", "weights.npz"


@dataclass(frozen=True)
class Archive:
    """Id vectors and moments of items that left the catalogue, by ascending item key."""

    keys: Keys
    vectors: Float32
    first: Float32
    second: Float32

    @classmethod
    def empty(cls, dimensions: int) -> Archive:
        """An empty archive."""
        none = np.zeros((0, dimensions), np.float32)
        return cls(np.zeros(0, np.int32), none, none, none)


@dataclass(frozen=True)
class TowerState:
    """The parameters, vocabularies and archive of a version.

    Row k of `arrays["item"]` belongs to item key k; items that never had an example have zero rows.
    `last_seen` is the day (days since 1970) on which an item was last in the catalogue or in an
    event.
    """

    arrays: Arrays
    items: Vocabulary
    users: Vocabulary
    last_seen: Int32
    archive: Archive

    @property
    def known(self) -> Bool:
        """Items with an id vector of their own: those whose second moments training has touched.

        `[m] bool` by item key.
        """
        return trained_rows(self.arrays, "item")

    def known_of(self, m: int) -> Bool:
        """`known`, for `m` items of which the last may be new.

        `[m] bool` by item key.
        """
        known = self.known
        return np.pad(known, (0, m - len(known)))

    def save(self, folder: Path) -> None:
        """Write weights.npz, archive.npz and vocabulary.json. Raises DataError when a number is not
        finite.
        """
        self._check_finite()
        stored: dict[str, Any] = {**self.arrays, "last_seen": self.last_seen}
        np.savez(folder / WEIGHTS, **stored)
        np.savez(folder / "archive.npz", **vars(self.archive))
        vocabulary = {"items": self.items.to_json(), "users": self.users.to_json()}
        (folder / "vocabulary.json").write_text(json.dumps(vocabulary, sort_keys=True))

    def _check_finite(self) -> None:
        broken = [name for name, array in self.arrays.items() if not np.isfinite(array).all()]
        if broken:
            raise DataError(
                expected="finite parameters after training",
                found=f"NaN or infinite numbers in {', '.join(broken)}: the training diverged",
                where="two-tower",
                remedy=(
                    "lower two_tower.learning_rate or warm_start.learning_rate, and look for"
                    " extreme weights of event kinds"
                ),
            )

    @classmethod
    def load(cls, artifact: Artifact, *, to_train: bool = True) -> TowerState:
        """Inverse of `save`; without `to_train` the tables' first moments are not read.

        Raises ArtifactError when a file is missing or damaged.
        """
        left = () if to_train else tuple(f"{name}/m" for name in TABLES)
        arrays = read_arrays(artifact.file(WEIGHTS), left)
        with np.load(artifact.file("archive.npz"), allow_pickle=False) as stored:
            archive = Archive(**{name: stored[name] for name in stored.files})
        vocabulary = json.loads(artifact.file("vocabulary.json").read_text())
        last_seen = arrays.pop("last_seen")
        items, users = (Vocabulary.from_json(vocabulary[name]) for name in ("items", "users"))
        return cls(arrays, items, users, last_seen, archive)


@dataclass(frozen=True)
class TowerVersion:
    """A finished version. `ledger` records how it was trained; see `warm_start.py`."""

    lineage: str
    learned_before: date
    artifact: Artifact
    ledger: Mapping[str, Any]


def lineage_hash(config: Config) -> str:
    """The hash of a lineage's settings, the first part of its name."""
    return TowerSettings.of(config).hash


def settings_of(artifact: Artifact) -> TowerSettings | None:
    """The settings that a version was made under; None for versions too old to have kept them."""
    if SETTINGS not in artifact.manifest["files"]:
        return None
    return TowerSettings.model_validate_json(artifact.file(SETTINGS).read_text())


def snapshot_for(snapshot: Snapshot, artifact: Artifact) -> Snapshot:
    """The snapshot as a version reads it: under the settings that it was made under, whatever
    tonight's are.
    """
    settings = settings_of(artifact)
    if settings is None or settings == TowerSettings.of(snapshot.config):
        return snapshot
    return snapshot.under(settings.put_into(snapshot.config))


def as_version(artifact: Artifact) -> TowerVersion:
    """The version in an artifact."""
    key = TowerKey.parse(artifact.key)
    ledger = json.loads(artifact.file("ledger.json").read_text())
    return TowerVersion(key.lineage, key.learned_before, artifact, {**ledger, **artifact.facts})


def open_tower(lake: Lake, lineage: str, learned_before: date) -> TowerVersion:
    """A version by name. Raises ArtifactError when there is none."""
    return as_version(lake.require(KIND, str(TowerKey(lineage, learned_before))))


def versions_of(lake: Lake, lineage: str) -> list[date]:
    """`learned_before` of a lineage's versions, oldest first."""
    keys = map(TowerKey.parse, lake.keys(KIND))
    return [key.learned_before for key in keys if key.lineage == lineage]


def tower_at(lake: Lake, lineage: str, cutoff: date) -> TowerVersion | None:
    """The newest version of a lineage that learned nothing from `cutoff` on, or None."""
    days = [day for day in versions_of(lake, lineage) if day <= cutoff]
    return open_tower(lake, lineage, days[-1]) if days else None


def serving_at(lake: Lake, lineage: str, cutoff: date) -> TowerVersion | None:
    """The newest version of a lineage that learned nothing from `cutoff` on and passed its refresh
    floor, or None.
    """
    version = tower_at(lake, lineage, cutoff)
    while version is not None and not version.ledger.get("refresh_ok", True):
        version = tower_at(lake, lineage, version.learned_before - timedelta(days=1))
    return version


def lineage_start(lineage: str) -> date:
    """Day of a lineage's cold training."""
    return LineageName.parse(lineage).begun


def lineages_of(lake: Lake, config: Config, as_of: date) -> list[str]:
    """Lineages of this config that have served no longer than `cold_every_nights`, the most
    advanced first.

    A lineage is trained cold as far back as its first night's oldest label window, and serves from
    that night on. Of equally advanced ones, the one that reaches further back comes first. One that
    had lost to its cold control by the night before is left out.
    """
    ours = _lineages(lake, LineageName.prefix(lineage_hash(config)), _tonight(config, as_of))
    fresh = [name for name in ours if not _too_old(name, config, as_of)]
    return [name for name in fresh if not _lost(lake, name, config, as_of)]


def why_cold(lake: Lake, config: Config, cutoff: date, as_of: date) -> str:
    """Why a lineage starts cold at a cutoff, in words for the ledger: why the newest lineage
    is not continued.
    """
    known = _lineages(lake, "", _tonight(config, as_of))
    if not known:
        return "the first version"
    prefix = LineageName.prefix(lineage_hash(config))
    ours = [name for name in known if name.startswith(prefix)]
    if not ours:
        made = settings_of(open_tower(lake, known[0], versions_of(lake, known[0])[-1]).artifact)
        changes = made.changes_to(TowerSettings.of(config)) if made else ""
        return f"settings have changed: {changes or 'those of the lineage before are not kept'}"
    if _lost(lake, ours[0], config, as_of):
        return f"{ours[0]} finds surely less than its cold control"
    if _too_old(ours[0], config, as_of):
        return f"{ours[0]} has served {config.two_tower.warm_start.cold_every_nights} nights"
    return f"{ours[0]} has no version as old as {cutoff}, up to which tonight learns too"


def _too_old(lineage: str, config: Config, as_of: date) -> bool:
    back = config.label_window_days * (config.ranker.windows + 1) + config.learning_lag_days
    return (
        as_of - lineage_start(lineage)
    ).days > config.two_tower.warm_start.cold_every_nights + back


def _lost(lake: Lake, lineage: str, config: Config, as_of: date) -> bool:
    """Whether a version before tonight's was significantly worse than its cold control. The night
    of the control itself still uses the lineage.

    A version below its refresh floor is not counted: no version is trained on from it.
    """
    before = serving_at(lake, lineage, _tonight(config, as_of) - timedelta(days=1))
    return before is not None and not before.ledger.get("control_ok", True)


def _tonight(config: Config, as_of: date) -> date:
    """`learned_before` of tonight's version."""
    return Cutoffs.at(as_of, config.learning_lag_days).learned_before


def _lineages(lake: Lake, prefix: str, tonight: date) -> list[str]:
    """Lineages whose name begins with `prefix`, the most advanced first; of equally advanced ones,
    the one that reaches further back.
    """
    newest: dict[str, date] = {}
    for key in map(TowerKey.parse, lake.keys(KIND)):
        if key.lineage.startswith(prefix) and key.learned_before <= tonight:
            newest[key.lineage] = max(newest.get(key.lineage, date.min), key.learned_before)
    return sorted(newest, key=lambda name: (-newest[name].toordinal(), lineage_start(name)))


def current_lineage(lake: Lake, config: Config, as_of: date) -> str | None:
    """The lineage a night uses; None when there is none of this config or it is due for a cold
    start.
    """
    return next(iter(lineages_of(lake, config, as_of)), None)
