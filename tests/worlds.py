"""Small literal worlds for tests: a config and a snapshot from a few rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from recsys_tasks import schema
from recsys_tasks.clock import day_of, parse_day
from recsys_tasks.config import Config, parse_config
from recsys_tasks.ids import extend_ids
from recsys_tasks.lake import Artifact, Lake
from recsys_tasks.lake.checksums import hash_file
from recsys_tasks.snapshot.dataset import (
    ITEMS_AS_OF,
    Snapshot,
    SnapshotExtras,
    write_snapshot,
)
from recsys_tasks.snapshot.day_files import day_rows, write_events_day
from recsys_tasks.snapshot.negative_facts import negative_files


def make_config(**changes: Any) -> Config:
    """A minimal shop: one kind of event, one objective; `changes` replace top-level keys."""
    raw: dict[str, Any] = {
        "project": "tiny",
        "source": {"kind": "files", "events": "unused", "items": "unused"},
        "objectives": [{"name": "purchase", "events": ["purchase"]}],
        **changes,
    }
    return parse_config(raw)


def make_snapshot(
    folder: Path,
    config: Config,
    as_of: date | str,
    events: pd.DataFrame,
    items: pd.DataFrame | None = None,
    users: pd.DataFrame | None = None,
) -> Snapshot:
    """A snapshot of literal rows.

    `events` has user_id, item_id, ts (seconds) and optionally event (name), price, quantity;
    `items` and `users` have the id column and any declared attributes, and are made up where
    missing. Repeated calls with the same folder extend the same lake.
    """
    lake = Lake(folder)
    as_of = parse_day(as_of) if isinstance(as_of, str) else as_of
    user_ids = [
        str(u) for u in (users["user_id"] if users is not None else events["user_id"].unique())
    ]
    item_ids = [
        str(i) for i in (items["item_id"] if items is not None else events["item_id"].unique())
    ]
    user_map, item_map = extend_ids(lake, "users", user_ids), extend_ids(lake, "items", item_ids)
    keyed = _keyed(config, events, user_map.keys, item_map.keys)
    parts = {}
    days = np.array([day_of(int(ts)) for ts in events["ts"]])
    for day in sorted(set(days)):
        of_day = keyed[days == day]
        # As a night writes them: NaN where it is unknown, not null.
        table = pa.table(
            {name: of_day[name].to_numpy() for name in schema.EVENTS.schema.names},
            schema=schema.EVENTS.schema,
        )
        source = f"test{len(table)}{keyed.to_numpy().sum()}"
        parts[day] = write_events_day(lake, day, day_rows(config.events, table), source)
    first = events.groupby(events["item_id"].astype(str))["ts"].min()
    item_frame = _entity(item_map.ids, "item", items)
    item_frame["title"] = [f"Item {i}" for i in item_map.ids]
    if items is None or "available_from" not in items:
        item_frame["available_from"] = [int(first.get(i, 0)) for i in item_map.ids]
    if items is None or "available" not in items:
        item_frame["available"] = True
    return write_snapshot(
        config,
        lake,
        as_of,
        users=_table(schema.users(config), _entity(user_map.ids, "user", users)),
        items=_table(schema.items(config), item_frame),
        parts=parts,
        extras=SnapshotExtras({ITEMS_AS_OF: as_of.isoformat()}, negative_files(config)),
    )


def _keyed(config: Config, events: pd.DataFrame, users: Any, items: Any) -> pd.DataFrame:
    names = events["event"] if "event" in events else [config.events.kinds[0].name] * len(events)
    return pd.DataFrame(
        {
            "user_key": users(events["user_id"].astype(str)),
            "item_key": items(events["item_id"].astype(str)),
            "ts": events["ts"].to_numpy(np.int64),
            "event": np.array([config.events.known.index(n) for n in names], np.int8),
            "price": events["price"].to_numpy(np.float32)
            if "price" in events
            else np.float32(np.nan),
            "quantity": events["quantity"].to_numpy(np.float32)
            if "quantity" in events
            else np.float32(np.nan),
        }
    )


def _entity(ids: Sequence[str], name: str, frame: pd.DataFrame | None) -> pd.DataFrame:
    made = pd.DataFrame(
        {f"{name}_key": np.arange(len(ids), dtype=np.int32), f"{name}_id": list(ids)}
    )
    if frame is None:
        return made
    frame = frame.assign(**{f"{name}_id": frame[f"{name}_id"].astype(str)})
    return made.merge(frame, on=f"{name}_id", how="left", validate="1:1")


def _table(table: schema.Table, frame: pd.DataFrame) -> pa.Table:
    columns: Mapping[str, Any] = {
        n: frame[n] if n in frame else [None] * len(frame) for n in table.schema.names
    }
    return pa.table(
        {
            n: pa.array(columns[n], type=table.schema.field(n).type, from_pandas=True)
            for n in table.schema.names
        }
    )


def rewrite(artifact: Artifact, name: str, old: str, new: str) -> None:
    """Another text in a finished artifact's file, as if its stage had written that."""
    path, manifest = artifact.file(name), artifact.path / "manifest.json"
    path.write_text(path.read_text().replace(old, new))
    content = json.loads(manifest.read_text())
    content["files"][name] = {"bytes": path.stat().st_size, "sha256": hash_file(path)}
    manifest.write_text(json.dumps(content))
