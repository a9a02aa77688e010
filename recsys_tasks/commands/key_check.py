"""Does every key still name whom it was given to? Maps, snapshots and events of a whole lake,
compared.

The newest map is taken for right: what does not agree with it was made by a process that extended
an older one at the same time (before maps had slots), and carries rows of other users. The raw
record has ids, not keys, so all of it can be made again: `recsys repair-ids` takes it out, and the
nights are run again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from recsys_tasks.errors import ArtifactError
from recsys_tasks.ids import changed_keys, read_column
from recsys_tasks.lake import Artifact, Lake

ENTITIES = ("users", "items")
# What is made from a snapshot and holds rows by key, the last made first.
DERIVED = (
    "report",
    "lists",
    "plan",
    "examples",
    "index",
    "embeddings",
    "generators",
    "features",
    "snapshot",
)
BY_ITEM = ("tower",)  # besides, where items changed their keys: parameters by item key


@dataclass(frozen=True)
class Damage:
    """What is wrong with a lake's keys, in the order in which it has to go; `words` is a line for
    each finding.
    """

    artifacts: tuple[Artifact, ...]
    maps: tuple[Artifact, ...]
    unreadable: tuple[str, ...]  # entities whose newest map is broken
    words: tuple[str, ...]

    @property
    def nights(self) -> tuple[str, ...]:
        """Nights that must be run again, in order."""
        return tuple(
            sorted({artifact.key for artifact in self.artifacts if artifact.kind == "snapshot"})
        )

    @property
    def is_none(self) -> bool:
        """Whether everything is well."""
        return not (self.artifacts or self.maps or self.unreadable)


def examine_keys(lake: Lake) -> Damage:
    """Read every map, snapshot and day of events, and say what is wrong. Changes nothing."""
    newest: dict[str, pa.ChunkedArray] = {}
    maps: list[Artifact] = []
    unreadable, words = [], []
    for entity in ENTITIES:
        versions = lake.versions("ids", entity)
        if not versions:
            continue
        try:
            newest[entity] = read_column(versions[-1])
        except ArtifactError as error:
            unreadable.append(entity)
            words.append(f"{versions[-1].reference} is broken: {error.found}")
            continue
        forked = list(_forks(newest[entity], versions))
        maps += [artifact for artifact, _ in forked]
        words += [line for _, line in forked]
    wrong: dict[str, Artifact] = {}
    for artifact, why in [*_wrong_snapshots(lake, newest), *_wrong_events(lake, newest)]:
        wrong.setdefault(artifact.reference, artifact)
        words.append(f"{artifact.reference}: {why}")
    items = any(artifact.key == "items" for artifact in maps)
    made = _made_from(lake, wrong, (*DERIVED, *BY_ITEM) if items else DERIVED)
    words += [f"{artifact.reference} was made from these" for artifact in made]
    order = {
        kind: place for place, kind in enumerate((*DERIVED[:-1], *BY_ITEM, "snapshot", "events"))
    }
    artifacts = sorted([*wrong.values(), *made], key=lambda a: (order[a.kind], a.reference))
    return Damage(tuple(artifacts), tuple(maps), tuple(unreadable), tuple(words))


def _forks(newest: pa.ChunkedArray, versions: list[Artifact]) -> Iterator[tuple[Artifact, str]]:
    names = set(newest.to_pylist())
    for artifact in versions[:-1]:
        try:
            column = read_column(artifact)
        except ArtifactError as error:
            yield artifact, f"{artifact.reference} is broken: {error.found}"
            continue
        changed = len(changed_keys(column, newest))
        lost = len(set(column.to_pylist()) - names)
        if changed or len(column) > len(newest):
            yield (
                artifact,
                (
                    f"{versions[-1].reference} does not go on from {artifact.reference}:"
                    f" {changed:,} keys changed their {artifact.key[:-1]}, {lost:,} ids have no key"
                    " any more"
                ),
            )


def _wrong_snapshots(
    lake: Lake, newest: dict[str, pa.ChunkedArray]
) -> Iterator[tuple[Artifact, str]]:
    for artifact in _versions(lake, "snapshot"):
        for entity, names in newest.items():
            column = pq.read_table(
                artifact.file(f"{entity}.parquet"), columns=[f"{entity[:-1]}_id"]
            )[0]
            wrong = len(changed_keys(column.cast(pa.string()), names)) + max(
                0, len(column) - len(names)
            )
            if wrong:
                yield (
                    artifact,
                    f"{wrong:,} {entity[:-1]} keys are those of others in the newest map",
                )


def _wrong_events(lake: Lake, newest: dict[str, pa.ChunkedArray]) -> Iterator[tuple[Artifact, str]]:
    """Days with rows that the shop never delivered, once their keys are read as ids; erased users
    have none.
    """
    if set(newest) != set(ENTITIES):
        return
    names = {entity: np.asarray(column.to_pylist(), object) for entity, column in newest.items()}
    for artifact in _versions(lake, "events"):
        raw = [
            pq.read_table(a.file("events.parquet"))
            for a in lake.versions("raw_events", artifact.key)
        ]
        if not raw:
            continue  # the day's record is gone, and with it what to compare with
        delivered = (
            pa.concat_tables(raw).select(["user_id", "item_id", "ts"]).to_pandas().drop_duplicates()
        )
        rows = pq.read_table(
            artifact.file("events.parquet"), columns=["user_key", "item_key", "ts"]
        ).to_pandas()
        inside = (rows["user_key"] < len(names["users"])) & (rows["item_key"] < len(names["items"]))
        rows, outside = rows[inside], int((~inside).sum())
        keys = {
            "user_id": names["users"][rows["user_key"]],
            "item_id": names["items"][rows["item_key"]],
        }
        read = pd.DataFrame({**keys, "ts": rows["ts"].to_numpy()})
        found = read.merge(delivered, how="left", indicator=True)
        wrong = int(((found["_merge"] == "left_only") & (found["user_id"] != "")).sum()) + outside
        if wrong:
            yield (
                artifact,
                f"{wrong:,} of {artifact.rows:,} rows are keyed to others than the shop delivered",
            )


def _made_from(lake: Lake, wrong: dict[str, Artifact], kinds: tuple[str, ...]) -> list[Artifact]:
    """Artifacts that name a wrong one, or one made from it, among their inputs."""
    known = {artifact.content for artifact in wrong.values()}
    left = [a for kind in kinds for a in _versions(lake, kind) if a.reference not in wrong]
    found: list[Artifact] = []
    while more := [artifact for artifact in left if known & _inputs(lake, artifact)]:
        found += more
        known |= {artifact.content for artifact in more}
        left = [artifact for artifact in left if artifact not in more]
    return found


def _inputs(lake: Lake, artifact: Artifact) -> set[str]:
    """Hashes among an artifact's inputs and facts; a snapshot's base is an input of its
    validation.
    """
    values = [
        *artifact.manifest["inputs"].values(),
        *(v for v in artifact.facts.values() if isinstance(v, str)),
    ]
    if artifact.kind == "snapshot" and artifact.facts.get("validation"):
        with suppress(
            ArtifactError
        ):  # retention may have removed it; the snapshot's parts are inputs, too
            values += lake.get(str(artifact.facts["validation"])).manifest["inputs"].values()
    return set(map(str, values))


def _versions(lake: Lake, kind: str) -> Iterator[Artifact]:
    for key in lake.keys(kind):
        yield from lake.versions(kind, key)
