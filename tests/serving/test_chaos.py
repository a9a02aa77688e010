"""Publications, rollbacks and kills of everything, under readers who never stop asking. Slow: `make
chaos`.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from recsys_tasks.database import lock_key
from recsys_tasks.lake import MANIFEST
from recsys_tasks.serving.pointer import resume, rollback
from recsys_tasks.serving.publish import create_publication
from tests.serving import chaos, chaos_judge, chaos_nights
from tests.serving.chaos import Arena
from tests.serving.chaos_nights import OK, TRANSIENT, Night
from tests.serving.strikes import AT_RANDOM, POSTGRES, PUBLISHER, SHARDS, Strike

SEED = 11
CYCLES = 20  # each: a publication, a rollback, a publication under the hold, a resume


def test_the_judge_finds_each_planted_fault(tmp_path: Path) -> None:
    """Publication 1 has salt 0: user u's list is 11 u, 11 u + 7, … modulo 61, the fallback 0, 1, 2,
    …
    """
    first = ["i11", "i18", "i25", "i32", "i39"]  # of u001
    right = ["recommend", [["s0", 1]], "u001", 5, first]
    everyone = [
        [f"u{n:03d}", [f"i{(n * 11 + p * 7) % 61:02d}" for p in range(5)]]
        for n in range(chaos_nights.USERS)
    ]
    faults: dict[str, list[list[Any]]] = {
        "torn": [
            ["recommend", [["s0", 1]], "u001", 5, first[:4]],
            ["recommend", [["s0", 1]], "u002", 5, first],
            ["recommend", [["s0", 1], ["s1", 2]], "u001", 5, first],
            ["recommend", [["s1", 2]], "u001", 5, first],
            ["lists", [["s0", 1]], [["u000", first], *everyone[1:]]],
        ],
        "empty": [["recommend", [], "u001", 5, []], ["lists", [], []]],
        "lost": [
            ["lists", [["s0", 1]], everyone[1:]],
            ["lists", [["s0", 1]], [*everyone, everyone[0]]],
        ],
        "refused": [
            ["error", 1.0, 1.9, None, "before the outage"],
            ["error", 3.1, 3.2, None, "after it"],
        ],
        "outages": [
            ["error", 1.0, 2.5, None, "asked before"],
            ["error", 2.5, 9.0, None, "heard after"],
        ],
    }
    good: list[list[Any]] = [
        right,
        ["recommend", [["s0", 1]], "stranger", 5, ["i00", "i01", "i02", "i03", "i04"]],
        ["lists", [["s0", 1]], everyone],
    ]
    file = tmp_path / "answers"
    lines = [*good, *(line for some in faults.values() for line in some)]
    file.write_text("\n".join(json.dumps([*line, 2.5]) for line in lines))
    verdict = chaos_judge.judge([file], {1: 0, 2: 1}, [(2.0, 3.0)])
    assert {name: getattr(verdict, name) for name in faults} == {
        name: len(some) for name, some in faults.items()
    }
    assert verdict.answers == len(good) + 9 and verdict.seen == 2 and verdict.slowest == 2.5


@pytest.fixture
def arena(tmp_path: Path) -> Iterator[Arena]:
    made = Arena(tmp_path / "home")
    try:
        yield made
    finally:
        made.close()


class Nights:
    """Dates that go forward, salts that change."""

    def __init__(self) -> None:
        self.day = -1

    def next(self) -> Night:
        self.day += 1
        return Night(self.day, self.day)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_readers_never_notice(arena: Arena) -> None:
    nights, dice, counts = Nights(), random.Random(SEED), {"lost": 0, "half": 0, "kills": 0}
    assert chaos_nights.whole(arena.world, arena.engine, nights.next()).moved
    arena.open_for_readers(2)
    for _ in range(CYCLES):
        _cycle(arena, nights, counts)
    for kill in _kills(arena, dice):
        night = nights.next()
        kill(night)
        counts["kills"] += 1
        _rerun(arena, night, counts, changed=dice.random() < 0.3)
    swept = arena.world.lake.remove_unfinished()
    _report(arena, counts, len(swept))


def _cycle(arena: Arena, nights: Nights, counts: dict[str, int]) -> None:
    world, engine, night = arena.world, arena.engine, nights.next()
    assert chaos_nights.whole(world, engine, night).moved
    counts["lost"] += chaos.lost_users(arena, night)
    back = rollback(engine, who="ann", why="odd lists", now=night.now)
    assert back.as_of < night.spec.as_of
    waiting = nights.next()
    done = chaos_nights.whole(world, engine, waiting)
    assert not done.moved and "on hold" in done.reason
    shown = resume(engine, who="ann", now=waiting.now)
    assert shown is not None and shown.as_of == waiting.spec.as_of
    counts["lost"] += chaos.lost_users(arena, waiting)
    counts["half"] += len(chaos.half_made(arena))


def _kills(arena: Arena, dice: random.Random) -> Iterator[Callable[[Night], None]]:
    for strike in (*SHARDS, *PUBLISHER):
        yield partial(_strike, arena, strike=strike, of_server=False)
    for moment in ("computing", "computing", "writing", "writing"):
        yield partial(_strike_shard, arena, moment=moment, dice=dice)
    for strike in POSTGRES:
        yield partial(_strike, arena, strike=strike, of_server=True)
    for number in range(AT_RANDOM):
        yield partial(_strike_somewhere, arena, dice=dice, of_server=number % 2 == 0)


def _strike(arena: Arena, night: Night, strike: Strike, *, of_server: bool) -> None:
    for step in strike.before:
        step(arena.world, arena.engine, night)
    newest = arena.ask("SELECT max(id) FROM recsys.publication")[0][0]
    oldest = arena.ask("SELECT min(id) FROM recsys.publication WHERE retired_at IS NULL")[0][0]
    keys = {"night": lock_key("night", night.spec.as_of), "pointer": lock_key("pointer")}
    with arena.holding(
        *(lock.format(id=newest, old=oldest, **keys) for lock in strike.locks)
    ) as blocker:
        process = chaos_nights.start(strike.step, arena.world, night)
        statement = arena.waits_for(blocker, process)
        if of_server:
            arena.kill_postgres()
            process.join()
            assert process.exitcode == TRANSIENT, f"{strike.name}: exit code {process.exitcode}"
        else:
            chaos.kill(process)
    retry = chaos_nights.start(strike.step, arena.world, night)  # Airflow tries that one task again
    retry.join()
    assert retry.exitcode == OK, f"{strike.name}: exit code {retry.exitcode} when tried again"
    arena.struck.append(
        f"{'PostgreSQL' if of_server else 'process'} at {strike.name} ({statement})"
    )


def _strike_shard(arena: Arena, night: Night, moment: str, dice: random.Random) -> None:
    """Kill a shard between two blocks of users, or once its file has its first bytes and no
    manifest yet.
    """
    chaos_nights.prepare(arena.world, arena.engine, night)
    process = chaos_nights.start(chaos_nights.first_shard, arena.world, replace(night, pause=0.03))
    token = create_publication(arena.engine, night.spec, night.now).token
    folder = arena.world.home / "lake" / "lists" / f"{token}.0"
    pattern = "*/lists.arrow" if moment == "writing" else "*"
    while not any(not (found / MANIFEST).exists() for found in folder.glob(pattern)):
        assert process.is_alive(), "the shard ended before it could be killed"
        time.sleep(0.001)
    time.sleep(dice.uniform(0, 0.2))  # it computes for about half a second
    chaos.kill(process)
    assert arena.world.lake.newest("lists", f"{token}.0") is None
    arena.struck.append(f"process of a shard while {moment}")


def _strike_somewhere(arena: Arena, night: Night, dice: random.Random, *, of_server: bool) -> None:
    process = chaos_nights.start(chaos_nights.whole, arena.world, replace(night, pause=0.005))
    time.sleep(dice.uniform(0.05, 0.8))
    found = arena.ask("SELECT status FROM recsys.publication WHERE as_of = %s", night.spec.as_of)
    where = f"publication {found[0][0]}" if found else "before its publication"
    if of_server:
        arena.kill_postgres()
        process.join()
        assert process.exitcode in (OK, TRANSIENT), process.exitcode
    else:
        process.kill()
        process.join()
    arena.struck.append(
        f"{'PostgreSQL' if of_server else 'process'} after a random while ({where})"
    )


def _rerun(arena: Arena, night: Night, counts: dict[str, int], *, changed: bool) -> None:
    """The whole night again, with the same or with other inputs; readers must see exactly what it
    made.
    """
    again = chaos.other(night) if changed else night
    done = chaos_nights.whole(arena.world, arena.engine, again)
    assert done.publication.status == "published", (arena.struck[-1], done)
    counts["lost"] += chaos.lost_users(arena, again)
    left = chaos.half_made(arena)
    assert left == [], (arena.struck[-1], left)


def _report(arena: Arena, counts: dict[str, int], swept: int) -> None:
    (arena.home / "stop").touch()
    for reader in arena.readers:
        reader.join(60)
        assert reader.exitcode == 0
    salts = {
        row[0]: int(row[1][1:]) for row in arena.ask("SELECT id, release FROM recsys.publication")
    }
    verdict = chaos_judge.judge(arena.files, salts, arena.outages)
    counts["half"] += len(chaos.half_made(arena)) + len(arena.world.lake.remove_unfinished())
    servers = sum(words.startswith("PostgreSQL") for words in arena.struck)
    for words in arena.struck:
        print(f"killed {words}")
    print(
        f"chaos: publications {CYCLES} (and {CYCLES} under a hold), rollbacks {CYCLES}, resumes"
        f" {CYCLES}, kills {counts['kills']} (PostgreSQL {servers}), answers {verdict.answers}"
        f" (whole tables {verdict.lists}, of {verdict.seen} publications), torn {verdict.torn},"
        f" empty {verdict.empty}, users lost {verdict.lost + counts['lost']}, refused while up"
        f" {verdict.refused}, refused while down {verdict.outages}, half-made {counts['half']},"
        f" unfinished attempts swept {swept}, slowest answer {verdict.slowest:.0f} ms"
    )
    assert counts["kills"] >= 40
    assert verdict.answers > 1000 and verdict.lists > 50 and verdict.seen > CYCLES
    assert (verdict.torn, verdict.empty, verdict.refused) == (0, 0, 0), verdict.examples
    assert verdict.lost + counts["lost"] == 0 and counts["half"] == 0
