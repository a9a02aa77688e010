"""The slow reference model: what was ever given to whom, and what must hold after every step.

It shares no code with what it judges: it reads parquet files and tables, keeps plain dictionaries,
and never forgets what it saw, also when the home does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import sqlalchemy as sa

from tests.stages.interleavings.shop import SPARES, K, Shop
from tests.stages.interleavings.verbs import World, own_list


@dataclass
class Given:
    """Which key had whom, of one entity."""

    entity: str
    id_of: dict[int, str] = field(default_factory=dict)
    key_of: dict[str, int] = field(default_factory=dict)
    longest: int = 0

    def learn(self, key: int, name: str, where: str, gone: set[str]) -> Iterator[str]:
        """A key and its name, as found; a fault where either was another's. `gone`: who was, or may
        be, erased: they have a new key when they come back.
        """
        if not name:
            return
        before = self.id_of.setdefault(key, name)
        if before != name:
            yield f"{self.entity} key {key} was {before}, is {name} in {where}"
        if self.key_of.setdefault(name, key) != key:
            if name not in gone:
                yield f"{self.entity} {name} has key {key} in {where}, had {self.key_of[name]}"
            self.key_of[name] = key


@dataclass
class Model:
    """What the home said so far."""

    world: World
    shop: Shop
    erased: set[str] = field(default_factory=set)
    """Users whose erasure ended well."""
    doubtful: set[str] = field(default_factory=set)
    """Users whose erasure was killed or refused."""
    users: Given = field(default_factory=lambda: Given("users"))
    items: Given = field(default_factory=lambda: Given("items"))

    def faults(self) -> list[str]:
        """Everything that is wrong now."""
        engine = self.world.night(self.shop.newest).engine
        with engine.connect() as connection:
            found = [
                *self._maps(),
                *self._snapshots(),
                *self._rows(connection),
                *self._events(),
                *_publications(connection, len(self._gone)),
                *_pointer(connection),
                *self._releases(connection),
            ]
        engine.dispose()
        return found

    # --- keys ----------------------------------------------------------------------------------

    @property
    def _gone(self) -> set[str]:
        return self.erased | self.doubtful

    @property
    def _lake(self) -> Path:
        return Path(str(self.world.environment.lake))

    def _maps(self) -> Iterator[str]:
        for given in (self.users, self.items):
            versions = _whole(self._lake / "ids" / given.entity, "*/ids.parquet")
            maps = [pq.read_table(path)["id"].to_pylist() for path in versions]
            if not maps:
                continue
            yield from _forks(given, maps)
            last = maps[-1]
            for key, name in enumerate(last):
                yield from given.learn(key, name, "the map", self._gone)
            for key, name in given.id_of.items():
                if name not in self._gone and last[key] != name:
                    yield f"{given.entity} {name} lost key {key}"
            if given is self.users:
                yield from (f"{name} is back in the map" for name in self.erased & set(last))

    def _snapshots(self) -> Iterator[str]:
        for path in _whole(self._lake / "snapshot", "*/*/users.parquet"):
            table, where = pq.read_table(path), f"snapshot {path.parent.parent.name}"
            pairs = zip(table["user_key"].to_pylist(), table["user_id"].to_pylist(), strict=True)
            for key, name in pairs:
                yield from self.users.learn(key, name, where, self._gone)
                if name in self.erased:
                    yield f"{name} is still in {where}"

    def _rows(self, connection: sa.Connection) -> Iterator[str]:
        for given, query in (
            (self.users, "SELECT user_key, user_id FROM recsys.users"),
            (self.items, "SELECT item_key, item_id FROM recsys.items"),
        ):
            for key, name in connection.execute(sa.text(query)):
                yield from given.learn(key, name, f"recsys.{given.entity}", self._gone)
                if name in self.erased:
                    yield f"{name} is still in recsys.{given.entity}"

    def _events(self) -> Iterator[str]:
        """Rows of a frozen day are those of one delivery of it, each under its buyer's key."""
        newest = {
            path.parent.parent.name: path
            for path in _whole(self._lake / "events", "*/*/events.parquet")
        }
        for day, path in newest.items():
            keys = Counter(pq.read_table(path)["user_key"].to_pylist())
            rows = Counter({self.users.id_of.get(key, f"key {key}"): n for key, n in keys.items()})
            versions = self.shop.sold[date.fromisoformat(day)]
            if self._without_gone(rows) not in map(self._without_gone, versions):
                yield f"the events of {day} are of no delivery: {path.parent.name}"

    def _without_gone(self, rows: Counter[str]) -> Counter[str]:
        return Counter({name: n for name, n in rows.items() if name not in self._gone})

    # --- releases ------------------------------------------------------------------------------

    def _releases(self, connection: sa.Connection) -> Iterator[str]:
        events = connection.execute(
            sa.text("SELECT event, release FROM recsys.release_events ORDER BY id")
        ).all()
        registered = [release for event, release in events if event == "registered"]
        moves = [
            release
            for event, release in events
            if event in ("promoted", "rolled_back", "hand_moved")
        ]
        if len(registered) != len(set(registered)):
            yield "a release was registered twice"
        yield from (f"{name} moved, but was never registered" for name in {*moves} - {*registered})
        night = self.world.night(self.shop.newest)
        champion = night.registry.champion()
        if champion != (moves[-1] if moves else None):
            yield f"champion is {champion}, by the record {moves[-1:]}"
        if champion is not None and night.lake.newest("release", champion) is None:
            yield f"the lake has no longer the champion {champion}"
        served = connection.scalars(
            sa.text(
                "SELECT DISTINCT release FROM recsys.publication WHERE release NOT LIKE 'salt %'"
            )
        )
        yield from (
            f"lists of {name}, which nobody registered" for name in {*served} - {*registered}
        )
        night.engine.dispose()


def _forks(given: Given, maps: list[list[str]]) -> Iterator[str]:
    """Maps that do not go on from each other, names with two keys, keys that are gone."""
    for older, newer in pairwise(maps):
        forked = any(a and b and a != b for a, b in zip(older, newer, strict=False))
        if forked or len(newer) < len(older):
            yield f"a map of {given.entity} does not go on from the one before it"
    named = [name for name in maps[-1] if name]
    if len(named) != len(set(named)):
        yield f"the map of {given.entity} has a name twice"
    if len(maps[-1]) < given.longest:
        yield f"the map of {given.entity} shrank from {given.longest} to {len(maps[-1])}"
    given.longest = len(maps[-1])


def _whole(folder: Path, pattern: str) -> list[Path]:
    """Files of finished artifacts, in the order of their attempts."""
    return [p for p in sorted(folder.glob(pattern)) if (p.parent / "manifest.json").exists()]


# --- publications --------------------------------------------------------------------------------

_PUBLICATIONS = """
SELECT p.id, p.release, p.status, p.rows, p.retired_at FROM recsys.publication AS p ORDER BY p.id
"""
_LISTS = "SELECT publication_id, user_key, items FROM recsys.list_rows"
_MOVES = """
SELECT m.from_publication, m.to_publication, m.fence, m.moved_by, f.as_of AS from_night,
  t.as_of AS to_night
FROM recsys.pointer_moves AS m JOIN recsys.publication AS t ON t.id = m.to_publication
LEFT JOIN recsys.publication AS f ON f.id = m.from_publication ORDER BY m.id
"""


def _publications(connection: sa.Connection, gone: int) -> Iterator[str]:
    lists: dict[int, dict[int, list[int]]] = {}
    for publication, user, items in connection.execute(sa.text(_LISTS)):
        if user in lists.setdefault(publication, {}):
            yield f"publication {publication} has user {user} twice"
        lists[publication][user] = items
    for row in connection.execute(sa.text(_PUBLICATIONS)).mappings():
        number, users = row["id"], lists.get(row["id"], {})
        if row["retired_at"] is not None:
            if users:
                yield f"publication {number} is retired and has {len(users)} lists"
            continue
        if row["status"] in ("building", "failed"):
            continue
        if not row["rows"] - gone <= len(users) <= row["rows"]:
            yield f"publication {number} has {len(users)} lists of {row['rows']}"
        if row["release"] is not None and row["release"].startswith("salt "):
            salt = int(row["release"].removeprefix("salt "))
            wrong = [u for u, items in users.items() if items != own_list(salt, u, K + SPARES)]
            if wrong:
                yield f"publication {number} has lists of another: {wrong[:3]}"


def _pointer(connection: sa.Connection) -> Iterator[str]:
    moves: list[Any] = list(connection.execute(sa.text(_MOVES)).mappings())
    current = connection.execute(
        sa.text(
            "SELECT p.id, p.status, p.retired_at FROM recsys.current_publication AS c"
            " JOIN recsys.publication AS p ON p.id = c.publication_id"
        )
    ).one_or_none()
    if current is None:
        if moves:
            yield "no publication is current any more"
        return
    if current.status != "published" or current.retired_at is not None:
        yield f"publication {current.id} is current, {current.status}, retired {current.retired_at}"
    if moves[-1]["to_publication"] != current.id:
        yield "the pointer is not where its record says"
    for before, after in pairwise(moves):
        if (
            after["from_publication"] != before["to_publication"]
            or after["fence"] < before["fence"]
        ):
            yield f"the pointer's moves do not go on from each other: {dict(after)}"
    for move in moves:
        forward = move["from_night"] is None or move["to_night"] >= move["from_night"]
        if move["moved_by"] == "nightly" and not forward:
            yield f"a night took readers back: {dict(move)}"
    seen = connection.execute(
        sa.text("SELECT DISTINCT publication_id FROM recsys.recommendation_lists")
    )
    if {number for (number,) in seen} - {current.id}:
        yield "readers see lists of another publication than the current one"
