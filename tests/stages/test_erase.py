"""Erasing users after real nights of a small shop: gone from every file and table, and they stay
gone.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from recsys_tasks.commands.erase_user import Request, erase_user, find_user
from recsys_tasks.config import Environment
from recsys_tasks.errors import ArtifactError, DataError, ServingError
from recsys_tasks.ids import read_ids
from recsys_tasks.lake import MANIFEST
from recsys_tasks.lake.attempts import Attempts
from recsys_tasks.monitoring.alerts.spool import spool_of
from recsys_tasks.snapshot.erased_users import read_erased
from recsys_tasks.stages import Night, run_all
from recsys_tasks.stages.work_locks import at_work
from tests.stages.erased_world import (
    HURT,
    NOW,
    ODD,
    PLAIN,
    World,
    answers,
    assert_gone,
    checksums_hold,
    erase,
    files_with,
    others,
    shop_of_odd_users,
    tables_with,
)
from tests.stages.shop_nights import FIRST_NIGHT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with shop_of_odd_users(tmp_path_factory.mktemp("erase")) as made:
        yield made


def test_a_dry_run_counts_and_an_unknown_id_changes_nothing(world: World) -> None:
    def state() -> dict[str, float]:
        return {
            str(p): p.stat().st_mtime
            for p in Path(world.environment.lake).rglob("*")
            if p.is_file()
        }

    before = state()
    counted = {place.name for place in find_user(world.environment, ODD).places}
    assert {
        f"lake {kind}"
        for kind in ("raw_events", "raw_users", "events", "snapshot", "ids", "features")
    } <= counted
    assert {f"lake {kind}" for kind in ("generators", "embeddings", "examples", "lists")} <= counted
    assert {
        "recsys.users",
        "recsys.list_rows_1",
        "recsys.user_vectors",
        "recsys.release_events.why",
    } <= counted
    assert "home alerts" in counted
    with pytest.raises(DataError, match="nothing was changed"):
        erase(world, "nobody-17")
    with pytest.raises(DataError, match="ids are text"):
        find_user(world.environment, "0" + PLAIN)
    assert state() == before and read_erased(world.lake).entries == ()
    assert answers(world.first) == world.before


def test_a_running_stage_or_an_unfinished_publication_refuses_it(world: World) -> None:
    with (
        at_work(world.first.engine, world.lake),
        pytest.raises(ServingError, match="no stage of a night"),
    ):
        erase(world, ODD)
    with world.first.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE recsys.publication SET status = 'building' WHERE id = 1")
        )
    with pytest.raises(ServingError, match="publication 1 of 2026-02-16"):
        erase(world, ODD)
    with world.first.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE recsys.publication SET status = 'published' WHERE id = 1")
        )


def test_a_lake_with_a_layout_that_nobody_thought_about_refuses_it(world: World) -> None:
    with world.lake.writing("decision", "k") as draft:
        (draft.path / "diary.parquet").write_bytes(b"")
    root = Path(str(world.lake.root.path))
    (root / "diaries").mkdir()
    (root / "decision" / "k").rename(root / "diaries" / "k")
    with pytest.raises(ArtifactError, match="diaries"):
        erase(world, ODD)
    world.lake.remove(world.lake.require("diaries", "k"))


@pytest.mark.parametrize("user", [ODD, PLAIN])
def test_an_erased_user_is_nowhere_and_others_keep_their_answers(world: World, user: str) -> None:
    key = int(read_ids(world.lake, "users").keys([user])[0])
    assert files_with(Path(world.environment.lake), user, key) and tables_with(world, user, key)
    references = {
        kind: world.lake.keys(kind) for kind in ("events", "snapshot", "lists", "features")
    }
    done = erase(world, user)
    assert done.words.startswith("erased: ") and done.proof.endswith("not found")
    assert_gone(world, user, key)
    gone = [ODD] if user == ODD else [ODD, PLAIN]
    assert others(answers(world.first)) == others(world.before, *gone)
    assert references == {kind: world.lake.keys(kind) for kind in references} and checksums_hold(
        world
    )
    assert world.lake.get(world.results["freeze"].artifact).manifest["erased"][-1]["by"] == "bob"
    ids = read_ids(world.lake, "users")
    assert ids.ids[key] == "" and ids.keys([user])[0] == -1  # the key stays reserved
    with world.first.engine.connect() as connection:
        query = "SELECT event, user_hash, who, why FROM recsys.erasures ORDER BY id DESC LIMIT 2"
        noted = [tuple(row) for row in connection.execute(sa.text(query))]
    wanted = read_erased(world.lake).hash_of(user)
    assert noted == [(event, wanted, "bob", "user (erased) asked") for event in ("proved", "begun")]
    assert all("user (erased) complained" in alert.message or user not in alert.message
               for alert, _ in spool_of(world.environment).all())  # fmt: skip
    assert "nothing is left" in erase(world, user).words


def _erase_and_die(environment: Environment, step: str) -> None:
    """Erase HURT and be killed at a step, or between writing a revision and deleting what it
    replaces.
    """
    if step == "delete":
        killed = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
        Attempts.delete = killed  # type: ignore[method-assign]  # this process dies here

    def before(name: str) -> None:
        if name == step:
            os.kill(os.getpid(), signal.SIGKILL)

    erase_user(environment, Request(HURT, "bob", "asked", NOW), before=before)


def test_an_erasure_killed_anywhere_ends_well_when_run_again(world: World) -> None:
    key = int(read_ids(world.lake, "users").keys([HURT])[0])
    for step in ("PostgreSQL", "delete", "lake events", "lake ids", "texts", "searching"):
        process = multiprocessing.get_context("spawn").Process(
            target=_erase_and_die, args=(world.environment, step)
        )
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL, step
    done = erase(world, HURT)
    assert done.proof.endswith("not found")
    assert_gone(world, HURT, key)
    assert others(answers(world.first)) == others(
        world.before, ODD, PLAIN, HURT
    ) and checksums_hold(world)
    assert [entry.key for entry in read_erased(world.lake).entries].count(key) == 1
    assert not [
        p
        for p in Path(world.environment.lake).glob("[!.]*/*/*")  # .slots are no attempts
        if not (p / MANIFEST).exists()
    ]


def test_a_rerun_of_the_night_reuses_everything_and_brings_nobody_back(world: World) -> None:
    night = Night.open(world.first.config, world.environment, FIRST_NIGHT)
    again = {result.stage: result for result in run_all(night)}
    changed = [
        name for name, result in again.items() if result.artifact != world.results[name].artifact
    ]
    assert changed == ["report"]  # it counts users and rows, and there are fewer now
    assert again["precompute_shard.0"].figures["loaded"] == 0 and again["train_two_tower"].reused
    assert others(answers(world.first)) == others(world.before, ODD, PLAIN, HURT)


def test_the_next_night_leaves_out_what_the_shop_still_holds(world: World) -> None:
    two = {result.stage: result for result in run_all(world.second)}
    assert (
        two["extract"].figures["changed_days"] == 0
    )  # the days before, without these users, are what they were
    erased = two["freeze"].figures["erased"]
    assert isinstance(erased, int) and erased > 3
    for user in (ODD, PLAIN, HURT):
        assert read_ids(world.lake, "users").keys([user])[0] == -1
        assert all(user not in pq.read_table(path)["user_id"].to_pylist()
                   for path in Path(world.environment.lake).glob("raw_*/*/*/*.parquet")
                   if "user_id" in pq.read_schema(path).names)  # fmt: skip
        with world.first.engine.connect() as connection:
            query = sa.text(
                "SELECT count(*) FROM recsys.users WHERE user_id = :user OR user_id = ''"
            )
            assert connection.scalar(query, {"user": user}) == 0
            served = connection.scalars(
                sa.text("SELECT rung FROM recsys.recommend(:user, 3)"), {"user": user}
            ).all()
        assert set(served) == {"popularity"}  # a stranger
    assert two["publish"].figures["shown"] is True


def test_an_unfinished_publication_can_be_given_up(world: World) -> None:
    with world.first.engine.begin() as connection:
        made = (
            "INSERT INTO recsys.publication (as_of, fingerprint, learned_before, history_before, k,"
            " spares, shards, "
        )
        made += "expected_rows, created_at) "
        made += (
            "VALUES ('2026-02-18', 'f', '2026-02-18', '2026-02-18', 3, 1, 1, 1, now()) RETURNING id"
        )
        number = connection.scalar(sa.text(made))
        connection.execute(sa.text("SELECT recsys.open_partition(:id)"), {"id": number})
    user = next(iter(others(world.before, ODD, PLAIN, HURT)))
    assert erase(world, user, give_up_unfinished=True).words.startswith("erased: ")
    with world.first.engine.connect() as connection:
        status = connection.scalar(
            sa.text("SELECT status FROM recsys.publications WHERE publication_id = :id"),
            {"id": number},
        )
    assert status == "failed"
