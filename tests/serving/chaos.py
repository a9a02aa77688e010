"""A shop whose every answer can be told right from wrong, readers that ask it all the time, and
real kills.

The list of a user follows from the publication's salt alone, and the salt is the publication's
release, which readers see: an answer mixed from two publications, cut short or meant for another
user cannot hide.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import psutil
import psycopg
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.clock import Cutoffs, start_of
from recsys_tasks.config import Config
from recsys_tasks.database import EmbeddedServer, create_engine, libpq_uri, migrate
from recsys_tasks.errors import RecsysError, TransientError
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Lake
from recsys_tasks.lake.checksums import hash_file
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
from tests.worlds import make_config, make_snapshot

FIRST = date(2026, 3, 1)
LAST = date(2027, 1, 1)  # of the one snapshot: no night is newer than its users and items
USERS, ITEMS = 240, 61  # ITEMS is prime: strides below it never meet themselves
K, SPARES, SHARDS, KEEP = 5, 2, 2, 4
LIMITS = CheckLimits(min_coverage=0.01, max_identical_share=0.5, max_list_churn=1.0)
# One process, modules loaded: its forks start in milliseconds.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.serving.chaos"])
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


# --- a night, in the steps that Airflow's tasks take ---------------------------------------------


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


# --- readers -------------------------------------------------------------------------------------


def read_for_ever(uri: str, seed: int, answers: Path, stop: Path) -> None:
    """Ask until told to stop; every answer, and every error with the time its connection was asked
    for, is a line.
    """
    dice, connection, asked_at = random.Random(seed), None, 0.0
    with answers.open("w") as file:
        while not stop.exists():
            try:
                if connection is None or connection.closed:
                    asked_at = time.monotonic()
                    connection = psycopg.connect(uri, autocommit=True)
                begun = time.monotonic()
                line: list[Any] = _ask(connection, dice)
                line.append(round(1000 * (time.monotonic() - begun), 1))
            except psycopg.Error as error:
                line = ["error", asked_at, time.monotonic(), error.sqlstate, str(error)[:200]]
                connection = None if connection is None else connection.close()
                asked_at = time.monotonic()
            file.write(json.dumps(line) + "\n")
            time.sleep(0.004)  # the nights need the processor too


_RECOMMEND = "SELECT item_id, release, publication_id FROM recsys.recommend(%s, %s) ORDER BY rank"
_LISTS = "SELECT user_id, item_ids, release, publication_id FROM recsys.recommendation_lists"


def _ask(connection: psycopg.Connection[Any], dice: random.Random) -> list[Any]:
    user, chance = dice.randrange(USERS), dice.random()
    if chance < 0.05:
        rows = connection.execute(_LISTS).fetchall()
        return [
            "lists",
            sorted({(row[2], row[3]) for row in rows}),
            [[row[0], row[1]] for row in rows],
        ]
    k = 12 if chance < 0.3 else None
    name = "stranger" if chance > 0.9 else f"u{user:03d}"
    rows = connection.execute(_RECOMMEND, (name, k)).fetchall()
    return [
        "recommend",
        sorted({(row[1], row[2]) for row in rows}),
        name,
        k or K,
        [row[0] for row in rows],
    ]


@dataclass
class Verdict:
    """What all answers together say."""

    answers: int = 0
    lists: int = 0
    seen: int = 0
    torn: int = 0
    empty: int = 0
    lost: int = 0
    refused: int = 0
    outages: int = 0
    slowest: float = 0.0  # ms
    examples: tuple[Any, ...] = ()


def judge(files: list[Path], salts: dict[int, int], outages: list[tuple[float, float]]) -> Verdict:
    """`salts`: publication → salt. An error counts as refused unless the server was killed while it
    was asked.
    """
    verdict, seen = Verdict(), set()
    for line in (json.loads(text) for file in files for text in file.read_text().splitlines()):
        if line[0] == "error":
            down = any(line[1] <= end and begin <= line[2] for begin, end in outages)
            verdict.outages += down
            verdict.refused += not down
            verdict.examples += () if down else (line,)
            continue
        verdict.answers += 1
        verdict.slowest = max(verdict.slowest, line[-1])
        seen.update(publication for _, publication in line[1])
        fault = _fault(line, salts)
        if fault:
            setattr(verdict, fault, getattr(verdict, fault) + 1)
            verdict.examples += (line,)
        verdict.lists += line[0] == "lists"
    verdict.seen, verdict.examples = len(seen), verdict.examples[:3]
    return verdict


def _fault(line: list[Any], salts: dict[int, int]) -> str | None:
    kind, sources = line[0], line[1]
    if not sources:
        return "empty"
    if len(sources) != 1 or sources[0][0] != f"s{salts[sources[0][1]]}":
        return "torn"
    salt = salts[sources[0][1]]
    if kind == "lists":
        if sorted(user for user, _ in line[2]) != sorted(f"u{user:03d}" for user in range(USERS)):
            return "lost"
        right = all(
            items == [f"i{i:02d}" for i in own_list(salt, int(user[1:]), K)]
            for user, items in line[2]
        )
        return None if right else "torn"
    name, k, items = line[2:5]
    user = None if name == "stranger" else int(name[1:])
    return None if items == [f"i{item:02d}" for item in expected(salt, user, k)] else "torn"


# --- the world and its server ---------------------------------------------------------------------


class Arena:
    """A server of its own, a first publication, and readers that never stop."""

    def __init__(self, home: Path) -> None:
        self.home, self.outages = home, []
        self.server = EmbeddedServer.start(home)
        urls = self.server.urls()
        migrate(urls["recsys_owner"])
        self.world = World(home, urls["recsys"])
        self.engine, self.owner = create_engine(urls["recsys"]), libpq_uri(urls["recsys_owner"])
        secrets = json.loads((home / "database.json").read_text())
        self.superuser = {
            "host": secrets["socket"],
            "user": "postgres",
            "password": secrets["passwords"]["postgres"],
        }
        self.reader = libpq_uri(urls["recsys_reader"])
        self.readers: list[Any] = []
        self.outages: list[tuple[float, float]] = []
        self.struck: list[str] = []
        _write_snapshot(self.world)

    @property
    def files(self) -> list[Path]:
        return [self.home / f"answers.{n}" for n in range(len(self.readers))]

    def open_for_readers(self, count: int = 2) -> None:
        for n in range(count):
            arguments = (self.reader, n, self.home / f"answers.{n}", self.home / "stop")
            self.readers.append(FORKS.Process(target=read_for_ever, args=arguments))
            self.readers[-1].start()

    def close(self) -> None:
        (self.home / "stop").touch()
        for reader in self.readers:
            reader.join(60)
        self.engine.dispose()
        self.server.stop()

    def ask(self, question: str, *values: Any) -> list[tuple[Any, ...]]:
        """As superuser: who waits for whom is hidden from others."""
        with psycopg.connect(**self.superuser, dbname="recsys", autocommit=True) as connection:
            return connection.execute(question, values).fetchall()

    def kill_postgres(self) -> None:
        """SIGKILL to the postmaster and all its children, then a new start."""
        begin = time.monotonic()
        postmaster = psutil.Process(
            int((self.home / "postgres" / "postmaster.pid").read_text().split()[0])
        )
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        for process in family:
            while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.005)
        self.server = EmbeddedServer.start(self.home)
        self.outages.append((begin, time.monotonic()))

    @contextmanager
    def holding(self, *statements: str) -> Iterator[int]:
        """A session that keeps locks until the block ends; its process number."""
        with psycopg.connect(self.owner) as connection:
            for statement in statements:
                connection.execute(statement)
            yield connection.info.backend_pid
            if not connection.closed:
                try:
                    connection.rollback()
                except psycopg.OperationalError:
                    connection.close()  # the server was killed

    def waits_for(self, blocker: int, process: Any) -> str:
        """Until the writer's session stands before that session's lock; its statement."""
        question = (
            "SELECT query FROM pg_stat_activity WHERE usename = 'recsys_writer' AND %s = ANY"
            " (pg_blocking_pids(pid))"
        )
        while True:
            found = self.ask(question, blocker)
            if found:
                return " ".join(str(found[0][0]).split())[:60]
            assert process.is_alive(), f"it ended ({process.exitcode}) before it met the lock"
            time.sleep(0.01)


def _write_snapshot(world: World) -> None:
    moment = start_of(FIRST)
    events = pd.DataFrame({"user_id": ["u000"], "item_id": ["i00"], "ts": [moment]})
    users = pd.DataFrame(
        {"user_id": [f"u{n:03d}" for n in range(USERS)], "country": ["nl"] * USERS}
    )
    items = pd.DataFrame(
        {"item_id": [f"i{n:02d}" for n in range(ITEMS)], "available_from": 0, "available": True}
    )
    make_snapshot(world.home / "lake", settings(), LAST, events, items, users)


def half_made(arena: Arena) -> list[str]:
    """What a killed night left behind and a rerun should have cleared; empty is right."""
    left = [
        f"publication {row[0]} is building"
        for row in arena.ask("SELECT id FROM recsys.publication WHERE status = 'building'")
    ]
    left += [
        f"orphan {row[0]}"
        for row in arena.ask(
            "SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'recsys'::regnamespace AND"
            " c.relkind = 'r' AND c.relname ~ '^list_rows_[0-9]+$' AND (NOT c.relispartition OR NOT"
            " EXISTS (SELECT FROM recsys.publication AS p WHERE 'list_rows_' || p.id = c.relname"
            " AND p.retired_at IS NULL AND p.status <> 'failed'))"
        )
    ]
    for table in ("fallback_rows", "similar_rows", "forbidden_rows"):
        left += [
            f"{row[1]} rows of {row[0]} in {table}"
            for row in arena.ask(
                f"SELECT publication_id, count(*) FROM recsys.{table} WHERE publication_id NOT IN"
                f" (SELECT id FROM recsys.publication WHERE retired_at IS NULL) OR '{table}' ="
                " 'forbidden_rows' GROUP BY 1"
            )
        ]
    lake = arena.world.lake
    for key in lake.keys("lists"):
        for artifact in lake.versions("lists", key):
            facts = artifact.manifest["files"]["lists.arrow"]
            if hash_file(artifact.file("lists.arrow")) != facts["sha256"]:
                left.append(f"torn {artifact.reference}")
    return left


def lost_users(arena: Arena, night: Night) -> int:
    """Users without exactly their one row of that night in what is current now."""
    with arena.engine.connect() as connection:
        rows = connection.execute(
            sa.text(
                "SELECT l.user_key, l.items FROM recsys.list_rows AS l JOIN"
                " recsys.current_publication AS c ON c.publication_id = l.publication_id JOIN"
                " recsys.publication AS p ON p.id = c.publication_id WHERE p.as_of = :as_of AND"
                " p.release = :release"
            ),
            {"as_of": night.spec.as_of, "release": night.spec.release},
        ).all()
    right = [user for user, items in rows if items == own_list(night.salt, user, K + SPARES)]
    return USERS - len(set(right)) + len(rows) - len(set(right))


def other(night: Night) -> Night:
    """The same night with other inputs."""
    return replace(night, salt=night.salt + 1000)


def kill(process: Any) -> None:
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL, process.exitcode
