"""Erasing users after real nights of a small shop: gone from every file and table, and they stay
gone.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from recsys_tasks.commands.erase_user import Erasure, Request, erase_user, find_user
from recsys_tasks.config import Environment
from recsys_tasks.database import create_engine, urls
from recsys_tasks.errors import ArtifactError, DataError, ServingError
from recsys_tasks.ids import read_ids
from recsys_tasks.lake import MANIFEST, Lake
from recsys_tasks.lake.attempts import Attempts
from recsys_tasks.monitoring.alerts.alert import Alert
from recsys_tasks.monitoring.alerts.spool import raise_alert, spool_of
from recsys_tasks.snapshot.erased_users import read_erased
from recsys_tasks.sources.shop.source import Shop
from recsys_tasks.stages import Night, StageResult, run_all
from recsys_tasks.stages.work_locks import at_work
from tests.stages.shop_nights import FIRST_NIGHT, SECOND_NIGHT, running_shop

pytestmark = pytest.mark.slow

NOW = datetime(2026, 2, 16, 12, tzinfo=UTC)
# the last id of the map, with everything that a quoting mistake would trip over
ODD = 'zz O\'Hara, "Zq9" 😀'
PLAIN = "4711"
HURT = "u000088x"  # her erasure is killed again and again


@dataclass
class World:
    first: Night
    second: Night
    results: dict[str, StageResult]
    before: dict[str, list[tuple[object, ...]]]

    @property
    def environment(self) -> Environment:
        return self.first.environment

    @property
    def lake(self) -> Lake:
        return Lake(self.environment.lake)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_shop(tmp_path_factory.mktemp("erase")) as (config, first, second):
        assert config.source.kind == "shop"
        shop = Shop(config.source, first.environment.home)
        shop.simulate(SECOND_NIGHT)
        busiest = _busiest(shop.folder)
        for path in [shop.folder / "users.parquet", *(shop.folder / "events").glob("*.parquet")]:
            _rename(path, dict(zip(busiest, (ODD, PLAIN, HURT), strict=True)))
        _plant(shop.folder / "events" / "2026-02-15.parquet")
        results = {result.stage: result for result in run_all(first)}
        _gossip(first)
        yield World(first, second, results, answers(first))


def _busiest(folder: Path) -> list[str]:
    """Three users with many events: they have lists, histories and examples."""
    events = pa.concat_tables(
        [pq.read_table(path) for path in (folder / "events").glob("*.parquet")]
    )
    counts = (
        events.group_by("user_id")
        .aggregate([([], "count_all")])
        .sort_by([("count_all", "descending")])
    )
    return [str(name) for name in counts["user_id"].to_pylist()[:3]]


def _rename(path: Path, names: dict[str, str]) -> None:
    table = pq.read_table(path)
    ids = [names.get(name, name) for name in table["user_id"].to_pylist()]
    pq.write_table(
        table.set_column(
            table.column_names.index("user_id"), "user_id", pa.array(ids, pa.string())
        ),
        path,
    )


def _plant(path: Path) -> None:
    """One row of each victim with an unknown item, to be set aside."""
    table = pq.read_table(path)
    rows = table.slice(0, 3)
    for name, values in (("user_id", [ODD, PLAIN, HURT]), ("item_id", ["nowhere"] * 3)):
        rows = rows.set_column(table.column_names.index(name), name, pa.array(values, pa.string()))
    pq.write_table(pa.concat_tables([table, rows]), path)


def _gossip(night: Night) -> None:
    """People and messages name the victims."""
    for victim in (ODD, PLAIN, HURT):
        words = f"user {victim} complained"
        fields = dict.fromkeys(("dag", "task", "kind", "reader_state", "remedy", "runbook"), "")
        alert = Alert(
            incident=str(hash(victim)),
            raised_at=NOW.isoformat(),
            as_of="",
            severity="warning",
            message=words,
            **fields,
        )
        raise_alert(night.environment.home, alert)
        with night.engine.begin() as connection:
            values = {
                "why": words,
                "json": json.dumps({"reason": words}),
                "incident": alert.incident,
            }
            for statement in (
                (
                    "INSERT INTO recsys.release_events (ts, event, release, who, why) "
                    "VALUES (now(), 'rejected', 'r0', 'ann', :why)"
                ),
                (
                    "INSERT INTO recsys.stage_runs (as_of, stage, seconds, figures) "
                    "VALUES (now(), 's', 1, CAST(:json AS jsonb))"
                ),
                (
                    "INSERT INTO recsys.alerts (incident, raised_at, kind, severity, message,"
                    " reader_state, remedy) VALUES (:incident, now(), '', 'warning', :why, '', '')"
                ),
            ):
                connection.execute(sa.text(statement), values)


def answers(night: Night) -> dict[str, list[tuple[object, ...]]]:
    """What every user of the users table gets now."""
    query = "SELECT u.user_id, r.* FROM recsys.users AS u "
    query += "CROSS JOIN LATERAL recsys.recommend(u.user_id, 10) AS r ORDER BY 1, 2"
    found: dict[str, list[tuple[object, ...]]] = {}
    with night.engine.connect() as connection:
        for user, *row in connection.execute(sa.text(query)):
            found.setdefault(user, []).append(tuple(row))
    return found


def erase(world: World, user: str, *, give_up_unfinished: bool = False) -> Erasure:
    request = Request(user, "bob", f"user {user} asked", NOW)
    return erase_user(world.environment, request, give_up_unfinished=give_up_unfinished)


def files_with(folder: Path, user: str, key: int) -> list[str]:
    """Files that hold an id or its key, read without the code under test."""
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        held = user.encode() in path.read_bytes() or json.dumps(user).encode() in path.read_bytes()
        if user == PLAIN:  # four digits are in many a number
            held = (
                f'"{user}"'.encode() in path.read_bytes()
                or f"user {user}".encode() in path.read_bytes()
            )
        if path.suffix == ".parquet":
            for name, column in zip(
                pq.read_schema(path).names, pq.read_table(path).columns, strict=True
            ):
                held |= pa.types.is_string(column.type) and user in column.to_pylist()
                held |= (
                    name == "user_key"
                    and path.name != "users.parquet"
                    and key in column.to_pylist()
                )
        if path.name == "user_keys.npy":
            held |= key in np.load(path)
        if path.name == "user.bin":
            held |= key in np.fromfile(path, np.int32)
        held |= _arrays_hold(path, key)
        if held:
            found.append(str(path.relative_to(folder)))
    return found


def _arrays_hold(path: Path, key: int) -> bool:
    """Whether an array by key has anything at the user's place."""
    held = False
    if path.name == "history_offsets.npy":
        offsets = np.load(path)
        held |= key + 1 < len(offsets) and offsets[key + 1] > offsets[key]
        held |= np.load(path.parent / "segment.npy")[key] != 0 if key + 1 < len(offsets) else False
    if path.name == "pair_offsets.npy":
        offsets = np.load(path)
        held |= key + 1 < len(offsets) and offsets[key + 1] > offsets[key]
        pairs = len(np.fromfile(path.parent / "pair_items.i32", np.int32))
        width = len(json.loads((path.parent / "user.json").read_text()))
        users = np.fromfile(path.parent / "user.f32", np.float32).reshape(-1, width)
        held |= pairs != offsets[-1] or (key < len(users) and not np.isnan(users[key]).all())
    if path.name == "users.npy":
        held |= key in np.load(path)
    return bool(held)


def tables_with(world: World, user: str, key: int) -> list[str]:
    """Tables that hold an id or its key, asked as their owner; the catalogue is about items."""
    owner = create_engine(urls(world.environment.home)["recsys_owner"])
    found = []
    with owner.connect() as connection:
        names = (
            "SELECT relname FROM pg_class WHERE relnamespace = 'recsys'::regnamespace AND relkind"
            " IN ('r', 'p')"
        )
        for name in connection.scalars(sa.text(names)).all():
            query = f"SELECT count(*) FROM recsys.{name} AS t WHERE EXISTS ("
            query += (
                "SELECT FROM jsonb_each_text(to_jsonb(t)) AS e WHERE e.value = :user OR"
                " strpos(e.value, :told) > 0"
            )
            query += " OR strpos(e.value, :escaped) > 0 OR (e.key = 'user_key' AND e.value = :key))"
            told = f"user {user}"
            values = {
                "user": user,
                "told": told,
                "escaped": json.dumps(told)[1:-1],
                "key": str(key),
            }
            if connection.scalar(sa.text(query), values):
                found.append(name)
    owner.dispose()
    return found


def assert_gone(world: World, user: str, key: int) -> None:
    assert files_with(Path(world.environment.lake), user, key) == []
    assert files_with(world.environment.home / "alerts", user, key) == []
    assert tables_with(world, user, key) == []


def others(
    found: dict[str, list[tuple[object, ...]]], *gone: str
) -> dict[str, list[tuple[object, ...]]]:
    return {user: rows for user, rows in found.items() if user not in gone}


def checksums_hold(world: World) -> bool:
    """Every manifest tells the truth about its files."""
    import hashlib

    for manifest in Path(world.environment.lake).glob("*/*/*/manifest.json"):
        for name, facts in json.loads(manifest.read_text())["files"].items():
            raw = (manifest.parent / name).read_bytes()
            if (len(raw), hashlib.sha256(raw).hexdigest()) != (facts["bytes"], facts["sha256"]):
                return False
    return True


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
    assert ids.ids[key] == "" and ids.keys([user])[0] == -1  # the key stays taken
    with world.first.engine.connect() as connection:
        query = "SELECT event, user_hash, who, why FROM recsys.erasures ORDER BY id DESC LIMIT 2"
        noted = [tuple(row) for row in connection.execute(sa.text(query))]
    wanted = read_erased(world.lake).hash_of(user)
    assert noted == [(event, wanted, "bob", "user (erased) asked") for event in ("proved", "begun")]
    assert all("user (erased) complained" in alert.message or user not in alert.message
               for alert, _ in spool_of(world.environment.home).all())  # fmt: skip
    assert "nothing is left" in erase(world, user).words


def _erase_and_die(environment: Environment, step: str) -> None:
    """Erase HURT and be killed at a step, or between writing a revision and deleting what it
    replaces.
    """
    if step == "delete":
        killed = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
        Attempts.delete = killed  # type: ignore[method-assign,assignment]

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
        p for p in Path(world.environment.lake).glob("*/*/*") if not (p / MANIFEST).exists()
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
    assert two["freeze"].figures["erased"] > 3
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
