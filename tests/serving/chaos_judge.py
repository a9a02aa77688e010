"""What readers saw during an attack, judged: torn, lost, stale or impossible lists."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.serving.chaos_nights import (
    USERS,
    K,
    expected,
    own_list,
)


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
    verdict = Verdict()
    seen: set[int] = set()
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
