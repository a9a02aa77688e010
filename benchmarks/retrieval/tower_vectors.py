"""Vectors of a really trained tower over a large made-up catalogue: m items of uneven popularity,
some never taken.

Items belong to one of 4,000 shelves and 200 brands; a user takes mostly items of four shelves, more
often popular ones, and now and then anything. The pipeline's own stages train the tower and embed:
`python -m benchmarks.retrieval.tower_vectors 1000000 FOLDER` writes items.npy and users.npy.
"""

from __future__ import annotations

import sys
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from recsys_tasks import schema
from recsys_tasks.clock import Cutoffs, start_of
from recsys_tasks.config import parse_config
from recsys_tasks.lake import Lake
from recsys_tasks.retrieval.tower.embed import embed
from recsys_tasks.retrieval.tower.lineage import train_two_tower
from recsys_tasks.snapshot.dataset import Snapshot, write_snapshot
from recsys_tasks.snapshot.day_files import DayRows, write_events_day

AS_OF = date(2026, 3, 1)
SHELVES, BRANDS, SHELVES_A_USER = 4_000, 200, 4
EVENTS_PER_USER, USERS_AN_ITEM, STRAY = 12, 0.2, 0.1
EMBEDDED_USERS = 20_000
SETTINGS = {
    "project": "vectors",
    "source": {"kind": "files", "events": "unused", "items": "unused"},
    "items": {
        "attributes": [
            {"name": "shelf", "kind": "categorical"},
            {"name": "brand", "kind": "categorical"},
        ]
    },
    "objectives": [{"name": "purchase", "events": ["purchase"]}],
    "two_tower": {"epochs": 2, "history_length": 12},
}


def trained(
    folder: Path, m: int, seed: int = 1
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Item vectors `[m, d]` and vectors of up to 20,000 users."""
    snapshot = _shop(folder, m, seed)
    started = time.perf_counter()
    tower = train_two_tower(snapshot, AS_OF)
    print(
        f"trained on {tower.ledger['examples']:,} examples in"
        f" {time.perf_counter() - started:.0f} s",
        flush=True,
    )
    made = embed(snapshot, tower, Cutoffs.at(AS_OF), np.arange(EMBEDDED_USERS, dtype=np.int32))
    return np.array(made.item_vectors), np.array(made.user_vectors)


def _shop(folder: Path, m: int, seed: int) -> Snapshot:
    rng = np.random.default_rng(seed)
    config, lake, n = parse_config(SETTINGS), Lake(folder), int(m * USERS_AN_ITEM)
    shelf = np.sort(rng.integers(0, SHELVES, m))
    bounds = np.searchsorted(shelf, np.arange(SHELVES + 1))
    mine = rng.integers(0, SHELVES, (n, SHELVES_A_USER))
    rows = n * EVENTS_PER_USER
    user = np.repeat(np.arange(n, dtype=np.int32), EVENTS_PER_USER)
    chosen = mine[user, rng.integers(0, SHELVES_A_USER, rows)]
    place = (rng.random(rows) ** 3 * np.diff(bounds)[chosen]).astype(
        np.int64
    )  # the first of a shelf are popular
    item = np.where(
        rng.random(rows) < STRAY, rng.integers(0, m, rows), bounds[chosen] + place
    ).astype(np.int32)
    day = rng.integers(1, 29, rows)
    parts = {}
    for back in range(1, 29):
        on = np.flatnonzero(day == back)
        when = AS_OF - timedelta(days=back)
        ts = start_of(when) + np.sort(rng.integers(0, 86_400, len(on)))
        nothing = np.full(len(on), np.nan, np.float32)
        columns = {
            "user_key": user[on],
            "item_key": item[on],
            "ts": ts,
            "event": np.zeros(len(on), np.int8),
        }
        table = pa.table({**columns, "price": nothing, "quantity": nothing}).select(
            schema.EVENTS.schema.names
        )
        parts[when] = write_events_day(
            lake, when, DayRows(table.cast(schema.EVENTS.schema)), f"made{back}"
        )
    return write_snapshot(
        config, lake, AS_OF, users=_users(config, n), items=_items(config, shelf, rng), parts=parts
    )


def _users(config: object, n: int) -> pa.Table:
    keys = np.arange(n, dtype=np.int32)
    table = pa.table({"user_key": keys, "user_id": [f"u{key}" for key in keys]})
    return table.cast(schema.users(config).schema)  # type: ignore[arg-type]


def _items(config: object, shelf: npt.NDArray[np.int64], rng: np.random.Generator) -> pa.Table:
    m = len(shelf)
    keys = np.arange(m, dtype=np.int32)
    columns = {
        "item_key": keys,
        "item_id": [f"i{key}" for key in keys],
        "title": [f"Item {key}" for key in keys],
        "available_from": np.full(m, start_of(AS_OF) - 60 * 86_400),
        "available": np.ones(m, bool),
        "shelf": [f"shelf {number}" for number in shelf],
        "brand": [f"brand {number}" for number in rng.integers(0, BRANDS, m)],
    }
    wanted = schema.items(config).schema  # type: ignore[arg-type]
    return pa.table(columns).select(wanted.names).cast(wanted)


if __name__ == "__main__":
    out = Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    items, users = trained(out / "lake", int(sys.argv[1]))
    np.save(out / "items.npy", items)
    np.save(out / "users.npy", users)
