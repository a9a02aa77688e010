"""A shop whose every answer can be told right from wrong, readers that ask it all the time, and
real kills.

The list of a user follows from the publication's salt alone, and the salt is the publication's
release, which readers see: an answer mixed from two publications, cut short or meant for another
user cannot hide.
"""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import psycopg
import sqlalchemy as sa

from recsys_tasks.clock import start_of
from recsys_tasks.database import EmbeddedServer, create_engine, libpq_uri, migrate
from recsys_tasks.lake.checksums import hash_file
from tests.serving.chaos_nights import (
    FIRST,
    FORKS,
    ITEMS,
    LAST,
    SPARES,
    USERS,
    K,
    Night,
    World,
    own_list,
    settings,
)
from tests.worlds import make_snapshot

FORKS.set_forkserver_preload(["tests.serving.chaos"])


# --- a night, in the steps that Airflow's tasks take ---------------------------------------------


# --- readers -------------------------------------------------------------------------------------


def read_for_ever(uri: str, seed: int, answers: Path, stop: Path) -> None:
    """Ask until told to stop; every answer, and every error with the time its connection was asked
    for, is a line.
    """
    dice, asked_at = random.Random(seed), 0.0
    connection: psycopg.Connection[Any] | None = None
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
                if connection is not None:
                    connection.close()
                connection = None
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


# --- the world and its server ---------------------------------------------------------------------


class Arena:
    """A server of its own, a first publication, and readers that never stop."""

    def __init__(self, home: Path) -> None:
        self.home = home
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
