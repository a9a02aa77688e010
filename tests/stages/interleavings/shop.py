"""The shop of the interleavings: what it delivers, and a ledger of all that it ever delivered."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

FIRST_NIGHT = date(2026, 2, 1)
HISTORY_DAYS, ACTIVE, ITEMS, NEW_A_NIGHT = 20, 120, 31, 6
K, SPARES, SHARDS, KEEP = 5, 2, 2, 4
SETTINGS = f"""
project: interleaved
clock: simulated
objectives: [{{name: purchase, events: [purchase]}}]
activity: {{min_events: 2, within_days: 40}}
two_tower: {{dimensions: 8, epochs: 1, batch_size: 256, history_length: 5}}
ranker: {{windows: 1, light_trees: 5, heavy_trees: 5, min_leaf_rows: 10}}
gate: {{min_users: 10}}
# nights come in any order here, days are corrected, and lists are planted
validation: {{max_late_share: 1.0, max_lost_row_share: 1.0, max_gone_user_share: 1.0}}
monitoring: {{max_list_churn: 1.0}}
serving: {{k: {K}, spares: {SPARES}, shards: {SHARDS}, keep_publications: {KEEP},
  max_identical_share: 1.0}}
embeddings: {{publish: false}}
resources: {{threads: 1}}
"""


@dataclass
class Shop:
    """A folder of files, and what was ever in them."""

    folder: Path
    draw: np.random.Generator
    users: list[str] = field(default_factory=list)
    sold: dict[date, list[Counter[str]]] = field(default_factory=dict)
    """Day → each version of it that was delivered, as buyers with their rows."""
    erased: set[str] = field(default_factory=set)
    """Users whom nobody delivers any more."""

    @classmethod
    def open(cls, folder: Path, seed: int) -> Shop:
        """A new shop with the days before the first night."""
        shop = cls(folder, np.random.default_rng(seed))
        for name in ("events", "users", "items"):
            (folder / name).mkdir(parents=True)
        _put(folder / "items" / "base.parquet", {"item_id": [f"i{k:02}" for k in range(ITEMS)]})
        shop.register(ACTIVE)
        for back in range(HISTORY_DAYS, 0, -1):
            shop.sell(FIRST_NIGHT - timedelta(days=back))
        source = {
            "kind": "files",
            **{name: str(folder / name) for name in ("events", "users", "items")},
        }
        shop.settings.write_text(yaml.safe_dump({**yaml.safe_load(SETTINGS), "source": source}))
        return shop

    @property
    def settings(self) -> Path:
        """The settings file."""
        return self.folder / "recsys.yaml"

    @property
    def newest(self) -> date:
        """The last day that was sold."""
        return max(self.sold)

    def register(self, count: int) -> None:
        """New users, in a file of their own."""
        fresh = [f"u{len(self.users) + k:05}" for k in range(count)]
        self.users += fresh
        _put(self.folder / "users" / f"{fresh[0]}.parquet", {"user_id": fresh})

    def sell_until(self, night: date) -> None:
        """Every day before the night, with new users on each."""
        while self.newest < night - timedelta(days=1):
            self.register(NEW_A_NIGHT)
            self.sell(self.newest + timedelta(days=1))

    def sell(self, day: date) -> None:
        """A day, or a corrected one: about every other user buys."""
        of_late = [name for name in self.users[-2 * ACTIVE :] if name not in self.erased]
        buyers = [name for name in of_late if self.draw.random() < 0.5]
        n, start = len(buyers), datetime(day.year, day.month, day.day, tzinfo=UTC)
        columns = {
            "user_id": buyers,
            "item_id": [f"i{int(k):02}" for k in self.draw.integers(0, ITEMS, n)],
            "timestamp": [
                start + timedelta(seconds=int(s)) for s in self.draw.integers(0, 86400, n)
            ],
            "event": ["purchase"] * n,
            "price": [1.0] * n,
        }
        _put(self.folder / "events" / f"{day}.parquet", columns)
        self.sold.setdefault(day, []).append(Counter(buyers))

    def forget(self, user: str) -> None:
        """The shop delivers an erased user no more."""
        self.erased.add(user)
        for path in (self.folder / "users").glob("*.parquet"):
            names = pq.read_table(path)["user_id"].to_pylist()
            if user in names:
                _put(path, {"user_id": [name for name in names if name != user]})
        for path in (self.folder / "events").glob("*.parquet"):
            table = pq.read_table(path)
            kept = [name != user for name in table["user_id"].to_pylist()]
            if not all(kept):
                _write(path, table.filter(kept))


def _put(path: Path, columns: dict[str, Any]) -> None:
    _write(path, pa.table(columns))


def _write(path: Path, table: pa.Table) -> None:
    """A file that comes whole."""
    draft = path.with_name(f".{path.name}")
    pq.write_table(table, draft)
    draft.rename(path)
