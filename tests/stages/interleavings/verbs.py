"""The verbs, each in a process of its own that may be killed at any moment.

Data verbs are the real stages. Lists are planted, so that no verb waits for training: which items a
user has follows from the publication's salt alone, and every other step of a publication is real.
"""

from __future__ import annotations

import multiprocessing
import os
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks.commands.erase_user import Request, erase_user
from recsys_tasks.config import Environment, load_config
from recsys_tasks.errors import RecsysError, ServingError, TransientError
from recsys_tasks.ids import Keys
from recsys_tasks.ranking.lists.recommender import RankedLists
from recsys_tasks.retention.plan import nights_of
from recsys_tasks.serving import pointer
from recsys_tasks.serving.load import (
    load_dimensions,
    load_fallbacks,
    load_forbidden,
    load_lists,
    load_similar,
)
from recsys_tasks.serving.precompute import Shard, active_users, precompute_shard
from recsys_tasks.serving.publication import CheckLimits, Publication, PublicationSpec
from recsys_tasks.serving.publish import create_publication, finish, publish
from recsys_tasks.stages import Night, run_all, run_on
from recsys_tasks.stages.sweep import sweep
from recsys_tasks.stages.work_locks import at_work
from tests.serving.ranked import ranked, read_lists
from tests.stages.interleavings.shop import ITEMS, SHARDS, SPARES, K

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.stages.interleavings.verbs"])
OK, REFUSED, BROKEN = 0, 4, 1
_LOOKS = 600


@dataclass(frozen=True)
class World:
    """Where everything is; small enough to be sent to a child."""

    environment: Environment
    settings: Path

    def night(self, day: date) -> Night:
        """The night of a day."""
        return Night.open(load_config(self.settings), self.environment, day)


@dataclass(frozen=True)
class Step:
    """A verb that is about to run."""

    verb: str
    day: date
    user: str = ""
    salt: int = 0
    after: float = 0.0
    """Seconds until it begins."""
    killed_after: float | None = None
    """Seconds until SIGKILL; None: it is left alone."""


def own_list(salt: int, user: int, size: int) -> list[int]:
    """Keys of the items that a planted publication has for a user."""
    return [(user * 11 + salt * 17 + place * 7) % ITEMS for place in range(size)]


@dataclass(frozen=True)
class _Salted:
    """Ranks by salt."""

    salt: int

    def recommend(
        self, users: Keys, k: int, *, eligible: npt.NDArray[np.bool_] | None
    ) -> RankedLists:
        return ranked(users, [own_list(self.salt, int(user), k) for user in users])

    def release(self) -> None:
        """It holds nothing."""


# --- what each verb does -------------------------------------------------------------------------


def _freeze(world: World, step: Step) -> None:
    night = world.night(step.day)
    for name in ("extract", "freeze"):
        run_on(night, name)


def _whole(world: World, step: Step) -> None:
    for _ in run_all(world.night(step.day)):
        pass


def _erase(world: World, step: Step) -> None:
    request = Request(step.user, "interleavings", "asked", world.night(step.day).now)
    for _ in range(_LOOKS):  # as a patient operator: again while a stage is at work
        try:
            erase_user(world.environment, request)
            return
        except ServingError as error:
            if "at work" not in error.expected:
                raise
            time.sleep(0.2)
    words = {"expected": "a turn", "found": "none", "where": "the lock", "remedy": "later"}
    raise TransientError(**words)


def _retain(world: World, step: Step) -> None:
    night = world.night(step.day)
    sweep(night, nights_of(night.lake), datetime.fromtimestamp(time.time(), UTC))


def _publish(world: World, step: Step) -> None:
    night = world.night(step.day)
    with at_work(night.engine, night.lake):
        publication, users = _prepare(night, step.salt)
    for number in range(SHARDS):
        with at_work(night.engine, night.lake):
            artifact = precompute_shard(
                night.lake,
                Shard(publication.token, number, night.config.serving, {"salt": str(step.salt)}),
                _Salted(step.salt),
                users,
                eligible=None,
            )
            load_lists(night.engine, publication, read_lists(artifact), number)
    with at_work(night.engine, night.lake):
        ready = finish(night.engine, publication, CheckLimits.of(night.config))
        publish(night.engine, ready, who="nightly", now=night.now)


def _prepare(night: Night, salt: int) -> tuple[Publication, Keys]:
    snapshot, engine = night.snapshot, night.engine
    users = active_users(snapshot, night.config, night.tonight)
    spec = PublicationSpec(
        night.as_of,
        night.tonight,
        f"{salt:08}{snapshot.artifact.content[:16]}",
        f"salt {salt}",
        None,
        len(users),
        K,
        SPARES,
        SHARDS,
    )
    publication = create_publication(engine, spec, night.now)
    if publication.needs_rows:
        load_dimensions(engine, snapshot)
        items = list(range(10))
        scores = [1.0 - 0.05 * place for place in items]
        load_fallbacks(
            engine, publication, pa.table({"segment": [""], "items": [items], "scores": [scores]})
        )
        similar = {"item_key": [0], "items": [[1, 2]], "scores": [[0.9, 0.8]]}
        load_similar(engine, publication, pa.table(similar))
        nobody = {"user_key": pa.array([], pa.int32()), "item_key": pa.array([], pa.int32())}
        load_forbidden(engine, publication, pa.table(nobody))
    return publication, users


def _roll_back(world: World, step: Step) -> None:
    night = world.night(step.day)
    pointer.rollback(night.engine, who="ann", why="odd", now=night.now)


def _resume(world: World, step: Step) -> None:
    night = world.night(step.day)
    pointer.resume(night.engine, who="ann", now=night.now)


VERBS: Mapping[str, Callable[[World, Step], None]] = {
    "freeze": _freeze,
    "backfill": _freeze,
    "rerun": _freeze,
    "whole": _whole,
    "erase": _erase,
    "retention": _retain,
    "publish": _publish,
    "rollback": _roll_back,
    "resume": _resume,
}


# --- processes -----------------------------------------------------------------------------------


def start(world: World, step: Step, log: Path) -> Any:
    """The step in a process of its own; its exit code says how it ended, `log` what it said."""
    process = FORKS.Process(target=_child, args=(world, step, log))
    process.start()
    return process


def _child(world: World, step: Step, log: Path) -> None:
    code = OK
    with log.open("w") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
        time.sleep(step.after)
        try:
            VERBS[step.verb](world, step)
        except RecsysError:
            traceback.print_exc()
            code = REFUSED
        except BaseException:
            traceback.print_exc()
            code = BROKEN
        said.flush()
    os._exit(code)
