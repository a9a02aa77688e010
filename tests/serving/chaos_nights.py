"""The nights of a shop under attack: each step in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.clock import Cutoffs
from recsys_tasks.config import Config
from recsys_tasks.database import create_engine
from recsys_tasks.errors import RecsysError, TransientError
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Lake
from recsys_tasks.ranking.lists.recommender import RankedLists
from recsys_tasks.serving import retire
from recsys_tasks.serving.load import (
    load_dimensions,
    load_fallbacks,
    load_forbidden,
    load_lists,
    load_similar,
)
from recsys_tasks.serving.precompute import Shard, precompute_shard
from recsys_tasks.serving.publication import CheckLimits, Publication, PublicationSpec
from recsys_tasks.serving.publish import Published, create_publication, finish, publish
from recsys_tasks.snapshot.dataset import Snapshot, open_snapshot
from tests.serving.ranked import ranked, read_lists
from tests.worlds import make_config

FIRST = date(2026, 3, 1)


LAST = date(2027, 1, 1)  # of the one snapshot: no night is newer than its users and items


USERS, ITEMS = 240, 61  # ITEMS is prime: strides below it never meet themselves


K, SPARES, SHARDS, KEEP = 5, 2, 2, 4


LIMITS = CheckLimits(min_coverage=0.01, max_identical_share=0.5, max_list_churn=1.0)


# One process, modules loaded: its forks start in milliseconds.
FORKS = multiprocessing.get_context("forkserver")


OK, TRANSIENT, REFUSED, BROKEN = 0, 3, 4, 1


def own_list(salt: int, user: int, size: int) -> list[int]:
    return [(user * 11 + salt * 17 + place * 7) % ITEMS for place in range(size)]


def fallback(salt: int) -> list[int]:
    return [(salt * 5 + place) % ITEMS for place in range(12)]


def expected(salt: int, user: int | None, k: int) -> list[int]:
    """What recommend() must answer; None is a stranger."""
    own = [] if user is None else own_list(salt, user, K + SPARES)
    return [*own, *(item for item in fallback(salt) if item not in own)][:k]


def settings() -> Config:
    return make_config(
        users={"attributes": [{"name": "country", "kind": "categorical"}], "segment_by": "country"},
        serving={"k": K, "spares": SPARES, "shards": SHARDS, "block_users": 8},
    )


@dataclass(frozen=True)
class Salted:
    """Ranks by salt; `pause` seconds a block, so that a kill can fall between two."""

    salt: int
    pause: float

    def recommend(
        self, users: Keys, k: int, *, eligible: npt.NDArray[np.bool_] | None
    ) -> RankedLists:
        time.sleep(self.pause)
        return ranked(users, [own_list(self.salt, int(user), k) for user in users])

    def release(self) -> None:
        """It holds nothing."""


@dataclass(frozen=True)
class Night:
    """One night's inputs; another salt is another night of the same date with other inputs."""

    day: int
    salt: int
    pause: float = 0.0

    @property
    def now(self) -> datetime:
        return datetime(2026, 3, 1, 1, tzinfo=UTC) + timedelta(days=self.day)

    @property
    def spec(self) -> PublicationSpec:
        as_of = FIRST + timedelta(days=self.day)
        print_ = f"{self.salt:016d}{self.day}"
        return PublicationSpec(
            as_of, Cutoffs.at(as_of), print_, f"s{self.salt}", None, USERS, K, SPARES, SHARDS
        )


@dataclass(frozen=True)
class World:
    """Where everything is; small enough to be sent to a child."""

    home: Path
    url: str

    @property
    def lake(self) -> Lake:
        return Lake(self.home / "lake")

    @property
    def snapshot(self) -> Snapshot:
        return open_snapshot(settings(), self.lake, LAST)


def prepare(world: World, engine: Engine, night: Night) -> Publication:
    publication = create_publication(engine, night.spec, night.now)
    if publication.needs_rows:
        load_dimensions(engine, world.snapshot)
        items = fallback(night.salt)
        scores = [1.0 - 0.05 * place for place in range(len(items))]
        load_fallbacks(
            engine, publication, pa.table({"segment": [""], "items": [items], "scores": [scores]})
        )
        load_similar(
            engine,
            publication,
            pa.table({"item_key": [0], "items": [[1, 2]], "scores": [[0.9, 0.8]]}),
        )
        strangers = pa.table({"user_key": list(range(USERS, USERS + 500)), "item_key": [0] * 500})
        load_forbidden(engine, publication, strangers)
    return publication


def shard(world: World, engine: Engine, night: Night, number: int) -> None:
    publication = create_publication(engine, night.spec, night.now)
    config = settings()
    artifact = precompute_shard(
        world.lake,
        Shard(publication.token, number, config.serving, {"salt": str(night.salt)}),
        Salted(night.salt, night.pause),
        np.arange(USERS, dtype=np.int32),
        eligible=None,
    )
    load_lists(engine, publication, read_lists(artifact), number)


def seal(world: World, engine: Engine, night: Night) -> Publication:
    return finish(engine, create_publication(engine, night.spec, night.now), LIMITS)


def show(world: World, engine: Engine, night: Night) -> Published:
    return publish(engine, create_publication(engine, night.spec, night.now), "night", night.now)


def sweep(world: World, engine: Engine, night: Night) -> list[int]:
    return retire.drop_old(engine, KEEP, night.now)


def whole(world: World, engine: Engine, night: Night) -> Published:
    prepare(world, engine, night)
    for number in range(SHARDS):
        shard(world, engine, night, number)
    seal(world, engine, night)
    done = show(world, engine, night)
    sweep(world, engine, night)
    return done


def first_shard(world: World, engine: Engine, night: Night) -> None:
    shard(world, engine, night, 0)


def both_shards(world: World, engine: Engine, night: Night) -> None:
    for number in range(SHARDS):
        shard(world, engine, night, number)


def rename(world: World, engine: Engine, night: Night) -> None:
    """Somebody changed the tables by hand in what readers' answers do not hold: tonight's load has
    work to do.
    """
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE recsys.users SET attributes = '{}' WHERE user_key = 0"))
        connection.execute(sa.text("UPDATE recsys.items SET title = 'renamed' WHERE item_key = 0"))


def patient_sweep(world: World, engine: Engine, night: Night) -> list[int]:
    retire.LOCK_TIMEOUT = "60s"  # so that the kill surely falls while it waits
    return sweep(world, engine, night)


Step = Callable[[World, Engine, Night], Any]


def _child(step: Step, world: World, night: Night) -> None:
    code = OK
    try:
        step(world, create_engine(world.url), night)
    except TransientError:
        code = TRANSIENT
    except RecsysError:
        traceback.print_exc()
        code = REFUSED
    except BaseException:
        traceback.print_exc()
        code = BROKEN
    os._exit(code)


def start(step: Step, world: World, night: Night) -> Any:
    """The step in a process of its own; its exit code says how it ended."""
    process = FORKS.Process(target=_child, args=(step, world, night))
    process.start()
    return process
