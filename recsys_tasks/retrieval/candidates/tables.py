"""Generators fitted once at two cutoffs, and stored as arrays: the artifact kind `generators`.

What is counted across users (co-occurrence, popularity, growth) knows rows before
`cutoffs.learned_before`; a user's own history, and which items are eligible, run to
`history_before`. Only eligible items are named, or their places would be lost to items that no list
may show; they may be named because of items that are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from recsys_tasks import schema
from recsys_tasks.arrays import AnyArray, Bool, Float32
from recsys_tasks.clock import Cutoffs
from recsys_tasks.config import Config, config_hash
from recsys_tasks.config.generators import GENERATORS
from recsys_tasks.errors import SchemaError
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact, Draft
from recsys_tasks.retrieval.candidates.array_files import USERS, array_file
from recsys_tasks.retrieval.candidates.content import ContentSpace, content_space
from recsys_tasks.retrieval.candidates.cooccurrence import following, neighbours
from recsys_tasks.retrieval.candidates.fitting import Fitting
from recsys_tasks.retrieval.generators import Generator
from recsys_tasks.retrieval.histories import Histories
from recsys_tasks.retrieval.kinds import GENERATOR_TABLES
from recsys_tasks.snapshot.as_known import attribute_inputs, known_at
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.eligibility.eligible import eligible_items, hash_of

_SHARED = ("after_items", "after_scores", "before_items", "before_scores", "eligible")


@dataclass(frozen=True)
class GeneratorTables:
    """A `generators` artifact, memory-mapped; all tables are indexed by key.

    `arrays`: what each generator fitted, by its name; `after_*`, `before_*`: `[m, t]` what comes
    after and before each item in sequences, best first, for the rankers (-1 pads with score 0);
    `eligible [m] bool`: items that may be named as of history_before.
    """

    histories: Histories
    content: ContentSpace
    after_items: Keys
    after_scores: Float32
    before_items: Keys
    before_scores: Float32
    eligible: Bool
    arrays: Mapping[str, Mapping[str, AnyArray]]

    @property
    def n_items(self) -> int:
        """Item keys run from 0 to n_items - 1."""
        return len(self.eligible)

    def save(self, folder: Path) -> None:
        """Write one .npy an array."""
        self.histories.save(folder)
        self.content.save(folder)
        for name in _SHARED:
            np.save(folder / f"{name}.npy", getattr(self, name))
        for one in known_generators():
            for name, values in self.arrays.get(one.name, {}).items():
                np.save(folder / array_file(one, name), values)


def known_generators() -> tuple[Generator, ...]:
    """The generators, built in and installed, in the order of their bits. Raises ConfigError."""
    return cast(tuple[Generator, ...], schema.generators())


def build_generators(snapshot: Snapshot, cutoffs: Cutoffs) -> Artifact:
    """Fit and store the tables; a rerun on the same inputs returns the artifact it finds."""
    config = snapshot.config
    then = known_at(snapshot, cutoffs.history_before)
    data = Fitting(then, cutoffs, eligible_items(snapshot, cutoffs.history_before))
    inputs = {"snapshot": snapshot.artifact.content, "eligible": hash_of(data.eligible)}
    inputs |= attribute_inputs(then) | _other_inputs(data)
    settings = _settings(config)

    def write(draft: Draft) -> None:
        tables = fit_generators(data)
        tables.save(draft.path)
        draft.rows = len(tables.histories.items)
        draft.facts = {"items": int(tables.eligible.sum())}
        for one in _in_use(config):
            draft.facts |= one.facts(tables.arrays[one.name])

    return snapshot.lake.make(
        GENERATOR_TABLES, str(cutoffs), inputs=inputs, config=settings, write=write
    )


def find_generators(snapshot: Snapshot, cutoffs: Cutoffs) -> Artifact | None:
    """The newest tables of this snapshot and these settings, if `build_generators` made any.

    What a generator reads from outside may have changed since: a night goes on with what it made.
    """
    settings = _settings(snapshot.config)
    for made in reversed(snapshot.lake.versions("generators", str(cutoffs))):
        of = made.manifest["inputs"].get("snapshot")
        if of == snapshot.artifact.content and made.manifest["config"] == settings:
            return made
    return None


def _settings(config: Config) -> str:
    """Hash of the settings that the tables are made from."""
    return config_hash(
        config.generators, config.features, config.items, config.users, config.events
    )


def fit_generators(data: Fitting) -> GeneratorTables:
    """The tables at the cutoffs, by value, naming only eligible items.

    Raises SchemaError for a generator that returns other arrays than it declares.
    """
    snapshot, config, cutoffs = data.snapshot, data.config, data.cutoffs
    available_from = snapshot.items["available_from"].to_numpy()
    onward = following(data.learned, snapshot.n_items, backward=0.0)
    after_items, after_scores = neighbours([(1.0, onward)], data.eligible)
    before_items, before_scores = neighbours([(1.0, onward.turned())], data.eligible)
    return GeneratorTables(
        histories=data.histories(data.events, cutoffs.history),
        content=content_space(config, snapshot.items, available_from < cutoffs.history),
        after_items=after_items,
        after_scores=after_scores,
        before_items=before_items,
        before_scores=before_scores,
        eligible=data.eligible,
        arrays={one.name: _fitted(one, data) for one in _in_use(config)},
    )


def open_generators(artifact: Artifact, config: Config) -> GeneratorTables:
    """Memory-map a `generators` artifact. Raises ArtifactError when an array is missing."""
    stored = {
        one.name: {name: _mapped(artifact, array_file(one, name)) for name in _declared(one)}
        for one in _in_use(config)
    }
    folder = artifact.folder()
    tables = GeneratorTables(
        histories=Histories.open(folder),
        content=ContentSpace.open(folder),
        **{name: _mapped(artifact, f"{name}.npy") for name in _SHARED},
        arrays=stored,
    )
    for one in _in_use(config):
        stored[one.name] = dict(one.open(stored[one.name], tables))
    return tables


def _mapped(artifact: Artifact, name: str) -> AnyArray:
    mapped: AnyArray = np.load(artifact.file(name), mmap_mode="r")
    return mapped


def _in_use(config: Config) -> list[Generator]:
    """Generators that are not switched off by a quota of 0."""
    return [one for one in known_generators() if config.generators.quota(one.name)]


def _declared(generator: Generator) -> tuple[str, ...]:
    return (*generator.arrays, *generator.user_arrays, *generator.user_lists)


def _fitted(generator: Generator, data: Fitting) -> Mapping[str, AnyArray]:
    arrays = generator.fit(data)
    if set(arrays) != set(_declared(generator)):
        raise SchemaError(
            expected=f"the arrays that generator {generator.name} declares: {_declared(generator)}",
            found=", ".join(arrays) or "none",
            where=f"what its fit returned at {data.cutoffs}",
            remedy="declare what fit returns in arrays, user_arrays or user_lists",
        )
    lists = generator.user_lists
    if lists and (lists[0] != USERS or len({len(arrays[name]) for name in lists}) > 1):
        raise SchemaError(
            expected=f"columns of one length, the first of them {USERS!r}: whose each row is",
            found=", ".join(f"{name}: {len(arrays[name])} rows" for name in lists),
            where=f"user_lists of generator {generator.name} at {data.cutoffs}",
            remedy="name the user keys of the rows first, or no erasure finds a user's rows",
        )
    return arrays


def _other_inputs(data: Fitting) -> dict[str, str]:
    """What the generators depend on besides the snapshot and this package's own code: inputs of
    their own, and the code and settings of installed ones.
    """
    inputs = {}
    for one in _in_use(data.config):
        found, version = GENERATORS.found[one.name], one.external_version(data)
        if found.package:
            version = f"{found.code_hash} {config_hash(data.settings(one))} {version}"
        if version:
            inputs[f"generator {one.name}"] = version
    return inputs
