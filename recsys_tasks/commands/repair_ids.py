"""Take out of a lake what was made with keys that name others now, and make a broken map again.

What is made last goes first and the maps go last: a repair that was killed is finished by running
it again.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from recsys_tasks.commands.key_check import Damage, examine_keys
from recsys_tasks.config import Environment
from recsys_tasks.database import create_engine, database_url
from recsys_tasks.errors import ArtifactError
from recsys_tasks.ids import FILE, KIND, PARENT, read_column
from recsys_tasks.lake import Artifact, Lake
from recsys_tasks.stages.work_locks import alone


@dataclass(frozen=True)
class Repair:
    """What was found and, unless it was a dry run, removed."""

    damage: Damage
    words: str


def repair_ids(environment: Environment, *, dry_run: bool = False) -> Repair:
    """Remove what `examine_keys` finds wrong. Raises ServingError while a stage runs, ArtifactError
    when a broken map cannot be made again from the snapshots.
    """
    lake = Lake(environment.lake, cache=environment.home / "lake-cache")
    if dry_run:
        damage = examine_keys(lake)
        return Repair(damage, f"dry run: {_counted(damage)} would go; nothing was changed")
    engine = create_engine(database_url(environment))
    try:
        with alone(engine, lake):
            damage = mend(lake)
        return Repair(
            damage,
            f"{_counted(damage)} removed" if not damage.is_none else "every key names its user",
        )
    finally:
        engine.dispose()


def mend(lake: Lake) -> Damage:
    """Do it, in a lake where nothing else is at work; what was wrong."""
    for entity in examine_keys(lake).unreadable:
        _restore(lake, entity)
    damage = examine_keys(lake)
    for artifact in (*damage.artifacts, *damage.maps):
        lake.remove(artifact)
    return damage


def rebuild(damage: Damage) -> list[str]:
    """Commands that make again what was removed, in order."""
    return [f"recsys run --as-of {night}" for night in damage.nights]


def _counted(damage: Damage) -> str:
    return f"{len(damage.artifacts)} artifacts and {len(damage.maps)} map versions"


def _restore(lake: Lake, entity: str) -> None:
    """A new version from the last readable one, its later keys from the snapshots, which name them,
    too.
    """
    slot, _ = lake.head(KIND, entity)
    parent, names = _last_whole(lake, entity)
    later: dict[int, str] = {}
    for key in lake.keys("snapshot"):
        for snapshot in lake.versions("snapshot", key):
            ids = pq.read_table(snapshot.file(f"{entity}.parquet"), columns=[f"{entity[:-1]}_id"])[
                0
            ].to_pylist()
            for place in range(len(names), len(ids)):
                if ids[place] and later.setdefault(place, ids[place]) != ids[place]:
                    raise _lost(lake, entity, f"snapshots disagree on key {place}")
    if later and max(later) + 1 - len(names) != len(later):
        raise _lost(
            lake,
            entity,
            f"no snapshot names {max(later) + 1 - len(names) - len(later)} of its last keys",
        )
    whole = [*names, *(later[place] for place in sorted(later))]
    inputs = {
        PARENT: parent.reference if parent else "",
        "known": str(len(names)),
        "restored": "from snapshots",
    }
    with lake.writing(KIND, entity, inputs=inputs, slot=slot) as draft:
        pq.write_table(pa.table({"id": pa.array(whole, pa.string())}), draft.path / FILE)
        draft.rows = len(whole)


def _last_whole(lake: Lake, entity: str) -> tuple[Artifact | None, list[str]]:
    for artifact in reversed(lake.versions(KIND, entity)):
        try:
            return artifact, read_column(artifact).to_pylist()
        except ArtifactError:
            continue
    return None, []


def _lost(lake: Lake, entity: str, found: str) -> ArtifactError:
    return ArtifactError(
        expected=f"the last keys of {entity} in the snapshots",
        found=found,
        where=f"{lake.root}/{KIND}/{entity}",
        remedy="restore this folder from a backup of the lake, then recsys doctor --deep",
    )
