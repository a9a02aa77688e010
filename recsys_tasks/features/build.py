"""Features as of two cutoffs: one row per user, item, segment and item, and user-item pair with
history.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from recsys_tasks import schema
from recsys_tasks.clock import Cutoffs
from recsys_tasks.config import Config, config_hash
from recsys_tasks.features.catalogue import catalogue, installed_sources
from recsys_tasks.features.feature import Family, Feature, Source
from recsys_tasks.features.kinds import FEATURES
from recsys_tasks.features.segments import segments
from recsys_tasks.features.tables import TableWriter
from recsys_tasks.features.windows import Tables, median_price, pairs_of, tables_at
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact, Draft
from recsys_tasks.snapshot.as_known import attribute_inputs, known_at
from recsys_tasks.snapshot.dataset import Snapshot

FAMILY_KEYS: dict[Family, tuple[str, ...]] = {
    "user": ("user_key",),
    "item": ("item_key",),
    "segment": ("segment", "item_key"),
    "pair": ("user_key", "item_key"),
}


def build_features(snapshot: Snapshot, cutoffs: Cutoffs) -> Artifact:
    """Write every family's features as Parquet (keys int32, features float32, sorted by key) and as
    arrays.

    Counts come from rows before `cutoffs.learned_before`; pairs and recencies from the user's own
    rows before `cutoffs.history_before`. A rerun on the same inputs returns the artifact it finds.
    """
    snapshot = known_at(snapshot, cutoffs.history_before)
    key, inputs, settings = _identity(snapshot, cutoffs)

    def write(draft: Draft) -> None:
        connection = ibis.duckdb.connect(threads=snapshot.config.resources.threads)
        try:
            _write(snapshot, cutoffs, connection, draft)
        finally:
            connection.disconnect()

    return snapshot.lake.make(FEATURES, key, inputs=inputs, config=settings, write=write)


def _write(
    snapshot: Snapshot, cutoffs: Cutoffs, connection: ibis.BaseBackend, draft: Draft
) -> None:
    config = snapshot.config
    of_user = segments(snapshot.users, config.users.segment_by)
    parts = _events(connection, snapshot, cutoffs), _items(snapshot), _segments(of_user)
    tables = tables_at(config, cutoffs, *parts)
    sizes = {
        "user": snapshot.n_users,
        "item": snapshot.n_items,
        "segment": int(of_user.max(initial=0)) + 1,
    }
    of_user.tofile(draft.path / "user_segment.i32")
    for family, keys in FAMILY_KEYS.items():
        expression = _typed(family_expression(config, family, tables), keys)
        with _selects_as_written():
            connection.to_parquet(expression, draft.path / f"{family}.parquet", compression="zstd")
        with TableWriter(draft.path, family, keys, sizes) as writer:
            writer.copy(draft.path / f"{family}.parquet")
        draft.rows += writer.rows
        draft.facts[family] = {"rows": writer.rows, "features": len(writer.names)}


@contextmanager
def _selects_as_written() -> Iterator[None]:
    """Ibis does not merge nested selects: DuckDB does that itself, in a fraction of the time."""
    options = ibis.options.sql
    before, options.fuse_selects = options.fuse_selects, False
    try:
        yield
    finally:
        options.fuse_selects = before


def find_features(snapshot: Snapshot, cutoffs: Cutoffs) -> Artifact | None:
    """What `build_features` made of the same inputs, if it ran."""
    key, inputs, settings = _identity(known_at(snapshot, cutoffs.history_before), cutoffs)
    return snapshot.lake.made_of(FEATURES, key, inputs, settings)


def _identity(snapshot: Snapshot, cutoffs: Cutoffs) -> tuple[str, dict[str, str], str]:
    """Key, inputs and the hash of the settings that features are made from."""
    config = snapshot.config
    inputs = {"snapshot": snapshot.artifact.content, **attribute_inputs(snapshot)}
    inputs |= installed_sources(config)
    return str(cutoffs), inputs, config_hash(config.features, config.events, config.users)


def _events(connection: ibis.BaseBackend, snapshot: Snapshot, cutoffs: Cutoffs) -> ir.Table:
    """The events as a table inside the engine, so that a hundred day files are opened once."""
    before = cutoffs.history_before
    files = snapshot.event_files(before=before)
    if not files:
        return ibis.memtable(schema.EVENTS.schema.empty_table())
    if snapshot.negative_kinds:
        days = snapshot.event_tables(schema.EVENTS.schema.names, before=before)
        return ibis.memtable(pa.concat_tables(days))
    return connection.create_table("events", connection.read_parquet(files), temp=True)


def _items(snapshot: Snapshot) -> ir.Table:
    return ibis.memtable(snapshot.items[["item_key", "available_from"]])


def _segments(of_user: Keys) -> ir.Table:
    return ibis.memtable({"user_key": np.arange(len(of_user), dtype=np.int32), "segment": of_user})


def family_expression(config: Config, family: Family, tables: Tables) -> ir.Table:
    """One expression for all features of a family: key columns, then features by catalogue
    order.
    """
    keys = FAMILY_KEYS[family]
    features = [feature for feature in catalogue(config) if feature.family == family]
    joined = _base(family, tables)
    for source in ("learned", "history", "segment", "pairs", "price"):
        chosen = [feature for feature in features if feature.source == source]
        if chosen:
            part = _aggregate(source, chosen, keys, tables)
            joined = joined.left_join(part, list(keys)).drop(*(f"{name}_right" for name in keys))
    named = {feature.name: feature for feature in features}
    late = {name: f.build(joined) for name, f in named.items() if f.source in ("base", "derived")}
    joined = joined.mutate(**late)
    return joined.select(*keys, *(name for name in named if not name.startswith("_"))).order_by(
        list(keys)
    )


def _base(family: Family, tables: Tables) -> ir.Table:
    """The rows of a family, with the columns that its derived features need besides aggregates."""
    if family == "item":
        return tables.items.select("item_key", "age")
    if family == "segment":
        return tables.segment.select("segment", "item_key").distinct()
    users = tables.history.group_by("user_key").aggregate(_user_days=tables.history.day.nunique())
    if family == "user":
        return users
    pairs = tables.history.select("user_key", "item_key").distinct()
    return pairs.left_join(users, "user_key").drop("user_key_right")


def _aggregate(
    source: Source, features: Sequence[Feature], keys: Sequence[str], tables: Tables
) -> ir.Table:
    if source == "price":
        return median_price(tables.learned, keys, "price")
    rows = pairs_of(tables.learned) if source == "pairs" else getattr(tables, source)
    return rows.group_by(list(keys)).aggregate(
        **{feature.name: feature.build(rows) for feature in features}
    )


def _typed(table: ir.Table, keys: Sequence[str]) -> ir.Table:
    """Keys as int32, features as float32 with nulls kept."""
    return table.cast({name: "int32" if name in keys else "float32" for name in table.columns})
