"""A shop with one odd user in every place, and what may still name the user after an erasure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from recsys_tasks.commands.erase_user import Erasure, Request, erase_user
from recsys_tasks.config import Environment
from recsys_tasks.database import create_engine, urls
from recsys_tasks.lake import Lake
from recsys_tasks.monitoring.alerts.alert import Alert
from recsys_tasks.monitoring.alerts.spool import raise_alert
from recsys_tasks.sources.kinds.shop import ShopSource
from recsys_tasks.sources.shop.source import Shop
from recsys_tasks.stages import Night, StageResult, run_all
from tests.stages.shop_nights import SECOND_NIGHT, running_shop

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


@contextmanager
def shop_of_odd_users(folder: Path) -> Iterator[World]:
    """A night of a simulated shop whose three busiest users are ODD, PLAIN and HURT."""
    with running_shop(folder) as (config, first, second):
        assert isinstance(config.source, ShopSource)
        shop = Shop(config.source, first.environment.home)
        shop.simulate(SECOND_NIGHT)
        busiest = busiest_of(shop.folder)
        for path in [shop.folder / "users.parquet", *(shop.folder / "events").glob("*.parquet")]:
            rename_of(path, dict(zip(busiest, (ODD, PLAIN, HURT), strict=True)))
        plant(shop.folder / "events" / "2026-02-15.parquet")
        results = {result.stage: result for result in run_all(first)}
        gossip(first)
        yield World(first, second, results, answers(first))


def busiest_of(folder: Path) -> list[str]:
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


def rename_of(path: Path, names: dict[str, str]) -> None:
    table = pq.read_table(path)
    ids = [names.get(name, name) for name in table["user_id"].to_pylist()]
    pq.write_table(
        table.set_column(
            table.column_names.index("user_id"), "user_id", pa.array(ids, pa.string())
        ),
        path,
    )


def plant(path: Path) -> None:
    """One row of each victim with an unknown item, to be set aside."""
    table = pq.read_table(path)
    rows = table.slice(0, 3)
    for name, values in (("user_id", [ODD, PLAIN, HURT]), ("item_id", ["nowhere"] * 3)):
        rows = rows.set_column(table.column_names.index(name), name, pa.array(values, pa.string()))
    pq.write_table(pa.concat_tables([table, rows]), path)


def gossip(night: Night) -> None:
    """People and messages name the victims."""
    for victim in (ODD, PLAIN, HURT):
        words = f"user {victim} complained"
        fields: dict[str, Any] = dict.fromkeys(
            ("dag", "task", "kind", "reader_state", "remedy", "runbook"), ""
        )
        alert = Alert(
            incident=str(hash(victim)),
            raised_at=NOW.isoformat(),
            as_of="",
            severity="warning",
            message=words,
            **fields,
        )
        raise_alert(night.environment, alert)
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
                (
                    "INSERT INTO recsys.shared_texts (place, name, body)"
                    " VALUES ('alerts/spool', :incident, :json)"
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
