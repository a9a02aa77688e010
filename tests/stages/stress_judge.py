"""The reference model of a stressed home: which keys changed their user, which ids were lost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd


def judge(folder: Path) -> dict[str, Any]:
    """Keys that changed their user, users that lost theirs, maps that do not go on from each
    other.
    """
    erased = {line["which"] for line in _lines(folder) if line["what"] == "erasures"}
    key_of: dict[str, int] = {}
    id_of: dict[int, str] = {}
    changed: set[str] = set()
    for path in sorted((folder / "log").glob("*.parquet")):
        table = pd.read_parquet(path)
        for key, name in zip(table["user_key"].tolist(), table["user_id"].tolist(), strict=True):
            if name and (
                key_of.setdefault(name, key) != key or id_of.setdefault(key, name) != name
            ):
                changed.add(name)
    maps = [
        pd.read_parquet(path)["id"].tolist()
        for path in _versions(folder / "home" / "lake" / "ids" / "users")
    ]
    last = maps[-1]
    changed |= {
        name for name, key in key_of.items() if key < len(last) and last[key] not in (name, "")
    }
    delivered = {
        name
        for path in (folder / "users").glob("*.parquet")
        for name in pd.read_parquet(path)["user_id"]
    }
    frozen = {name for name in delivered if name in key_of}
    lost = {
        name
        for name in frozen
        if name not in erased and (key_of[name] >= len(last) or last[key_of[name]] != name)
    }
    forks = sum(_clash(older, newer) for older, newer in pairwise(maps))
    wrong = sum(_wrong_rows(folder, last, erased))
    named = [name for name in last if name]
    return {
        "users": len(last),
        "map versions": len(maps),
        "changed keys": len(changed),
        "lost ids": len(lost),
        "forks": forks,
        "ids with two keys": len(named) - len(set(named)),
        "event rows of another user": wrong,
        "erased users back in the map": len(erased & set(last)),
    }


def _lines(folder: Path) -> list[dict[str, str]]:
    return [
        json.loads(text)
        for path in folder.glob("log/*.jsonl")
        for text in path.read_text().splitlines()
    ]


def _versions(folder: Path) -> list[Path]:
    return [
        path / "ids.parquet"
        for path in sorted(folder.iterdir())
        if (path / "manifest.json").exists()
    ]


def _clash(older: list[str], newer: list[str]) -> bool:
    return len(newer) < len(older) or any(
        a and b and a != b for a, b in zip(older, newer, strict=False)
    )


def _wrong_rows(folder: Path, last: list[str], erased: set[str]) -> Iterator[int]:
    """Of every frozen day: rows whose key belongs to somebody who did not buy then, or buyers
    without their rows.
    """
    newest = {
        path.parent.parent.name: path
        for path in sorted((folder / "home/lake/events").glob("*/*/events.parquet"))
    }
    for day, path in newest.items():
        keyed = Counter(last[key] for key in pd.read_parquet(path)["user_key"].tolist())
        bought = Counter(
            name for name in pd.read_parquet(folder / "events" / f"{day}.parquet")["user_id"]
        )
        for name in erased:
            bought.pop(name, None)
        yield sum(((keyed - bought) + (bought - keyed)).values())
