"""A shop of literal rows for the tests of a night: rewritten at will, read through the files
source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from recsys_tasks.clock import start_of
from recsys_tasks.config import Config
from recsys_tasks.lake import Lake
from recsys_tasks.snapshot.extract import extract
from recsys_tasks.snapshot.extract_result import ExtractResult
from recsys_tasks.snapshot.freeze import FreezeResult, freeze
from recsys_tasks.sources.base import open_source
from tests.worlds import make_config

# User, item, (day of January 2026, second of the day) or None; event and price where given.
Row = tuple[Any, ...]


@dataclass
class LiteralShop:
    """Events of January 2026; `rows` may be changed between nights."""

    folder: Path
    rows: list[Row] = field(default_factory=list)
    users: Sequence[str] | None = None
    items: pd.DataFrame | Sequence[str] = ()
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def lake(self) -> Lake:
        return Lake(self.folder / "lake")

    @property
    def config(self) -> Config:
        source = {
            "kind": "files",
            "events": str(self.folder / "events.csv"),
            "items": str(self.folder / "items.csv"),
        }
        if self.users is not None:
            source["users"] = str(self.folder / "users.csv")
        return make_config(**{"source": source, "clock": "simulated", **self.settings})

    def deliver(self) -> None:
        frame = pd.DataFrame(
            {
                "user_id": [row[0] for row in self.rows],
                "item_id": [row[1] for row in self.rows],
                "timestamp": [
                    row[2] if not isinstance(row[2], tuple) else second(*row[2])
                    for row in self.rows
                ],
                "event": [row[3] if len(row) > 3 else "purchase" for row in self.rows],
                "price": [row[4] if len(row) > 4 else 1 for row in self.rows],
            }
        )
        frame.astype({"timestamp": object}).to_csv(self.folder / "events.csv", index=False)
        items = (
            self.items
            if isinstance(self.items, pd.DataFrame)
            else pd.DataFrame({"item_id": list(self.items)})
        )
        items.to_csv(self.folder / "items.csv", index=False)
        if self.users is not None:
            pd.DataFrame({"user_id": list(self.users)}).to_csv(
                self.folder / "users.csv", index=False
            )

    def extract(self, day: int, now: datetime | None = None) -> ExtractResult:
        self.deliver()
        at = now or datetime(2026, 1, day, 1, tzinfo=UTC)
        return extract(
            self.config, self.lake, open_source(self.config, self.folder), date(2026, 1, day), at
        )

    def night(self, day: int) -> FreezeResult:
        self.extract(day)
        return freeze(
            self.config, self.lake, date(2026, 1, day), datetime(2026, 1, day, 1, tzinfo=UTC)
        )


def second(day: int, second_of_day: int) -> int:
    """UTC second of a day of January 2026."""
    return start_of(date(2026, 1, day)) + second_of_day
