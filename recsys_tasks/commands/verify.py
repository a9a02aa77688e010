"""Is every artifact still what was written? What is damaged is named, taken out of the lake, and
made again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from recsys_tasks.config import Environment
from recsys_tasks.database import create_engine, database_url
from recsys_tasks.lake import Damaged, Lake
from recsys_tasks.lake.kinds import night_of
from recsys_tasks.stages.work_locks import alone

DAMAGED_FOLDER = "damaged"
"""Folder in RECSYS_HOME of what was taken out of the lake; erasing a user removes it whole."""

RECORD = frozenset({"ids", "erased"})
"""What no stage can make again: it stays where it is until a backup's files are in its place."""


@dataclass(frozen=True)
class Found:
    """One damaged attempt: where it was set aside to, if it was, and what a person does next."""

    damaged: Damaged
    aside: Path | None
    remedy: str


def verify(environment: Environment, *, set_aside: bool = False) -> list[Found]:
    """Read every file of the lake and compare it with its manifest; `set_aside` takes what is
    damaged out.

    What is set aside is moved to `RECSYS_HOME/damaged`. Raises ServingError, before anything is
    moved, while a stage of a night or an erasure is at work.
    """
    lake = Lake(environment.lake, cache=environment.home / "lake-cache")
    damaged = list(lake.damaged())
    movable = [one for one in damaged if one.kind not in RECORD]
    moved: dict[str, Path] = {}
    if set_aside and movable:
        engine = create_engine(database_url(environment))
        try:
            with alone(engine):
                moved = {
                    one.reference: lake.set_aside(one, environment.home / DAMAGED_FOLDER)
                    for one in movable
                }
        finally:
            engine.dispose()
    return [Found(one, moved.get(one.reference), _remedy(one)) for one in damaged]


def _remedy(damaged: Damaged) -> str:
    """What makes an attempt again once it is out of the lake."""
    if damaged.kind == "ids":
        return (
            "`recsys repair-ids` makes the map again from the snapshots, which name its keys, too"
        )
    if damaged.kind in RECORD:
        return (
            "restore this folder from a backup: nothing can make it again, and no night runs"
            " without it"
        )
    if damaged.kind == "raw_events":
        return f"run tonight's night: it reads {damaged.key} from the source again"
    if damaged.kind == "events":
        return f"run tonight's night: it makes {damaged.key} again from its raw events"
    if damaged.kind == "release":
        return (
            "run the night that trained it again, or, where it is champion, `recsys rollback"
            " --release --why …`"
        )
    night = night_of(damaged.kind, damaged.key)
    if night is not None:
        return f"run the night again from its first stage: `recsys run --as-of {night}`"
    return "run tonight's night again from its first stage"
