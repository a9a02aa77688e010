"""Tonight's users or items as the frame that the checks look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks import schema
from recsys_tasks.config import Config, ItemsTable, UsersTable
from recsys_tasks.snapshot.checks.row_rules import repeated_rows
from recsys_tasks.snapshot.checks.short_id_rows import shortened_words
from recsys_tasks.snapshot.checks.storable import has_nul, is_blank, is_overlong, is_usable
from recsys_tasks.sources.base import has_users_table
from recsys_tasks.sources.vectors import NOT_FINITE


def entity_frame(config: Config, table: pa.Table, suite: Literal["users", "items"]) -> pd.DataFrame:
    """Columns that are checked; those that are no column of the table begin with `_`, as no
    attribute does.
    """
    settings: UsersTable | ItemsTable = getattr(config, suite)
    key, attributes = f"{suite[:-1]}_id", settings.attributes
    vectors = [a.name for a in attributes if a.kind == "vector"]
    table = _with_faults_alone(table, vectors).sort_by(key)
    ids = table[key]
    frame: pd.DataFrame = table.to_pandas()
    frame["_id_bytes"] = pc.fill_null(pc.binary_length(ids), 0).to_numpy()
    for name in (n.removesuffix("_fault") for n in schema.ITEM_FAULTS if n in table.column_names):
        frame[f"_{name}_readable"] = pc.is_null(table[f"{name}_fault"]).to_numpy()
    frame["_first"] = ~repeated_rows(table.select([key])) | pc.is_null(ids).to_numpy()
    delivered = config.source.has_items_table if suite == "items" else has_users_table(config)
    frame["_shortened"] = shortened_words(config, ids, key) if delivered else ""
    frame["_unstorable"] = _unstorable(table, getattr(settings, "segment_by", None))
    frame.loc[is_blank(ids).to_numpy(), key] = None
    for attribute in (a for a in attributes if a.kind == "numeric"):
        values = frame[attribute.name]
        low = -np.inf if attribute.minimum is None else attribute.minimum
        high = np.inf if attribute.maximum is None else attribute.maximum
        unreadable = ~is_usable(table[attribute.name]).fill_null(True).to_numpy()
        frame[f"_{attribute.name}_in_range"] = (
            values.isna() | values.between(low, high)
        ) & ~unreadable
    for name in vectors:
        infinite = frame[f"_{name}_fault"] == NOT_FINITE
        frame[f"_{name}_finite"], frame[f"_{name}_readable"] = (
            ~infinite,
            infinite | frame[f"_{name}_fault"].isna(),
        )
    return frame


def _with_faults_alone(table: pa.Table, vectors: Sequence[str]) -> pa.Table:
    """Each delivered vector as two columns: true where there is one (else null), and its fault."""
    for name in vectors:
        numbers, fault = (pc.struct_field(table[name], part) for part in ("numbers", "fault"))
        there = pc.if_else(pc.is_valid(numbers), True, pa.scalar(None, pa.bool_()))
        table = table.set_column(table.column_names.index(name), name, there).append_column(
            f"_{name}_fault", fault
        )
    return table


def _unstorable(table: pa.Table, segment: str | None) -> npt.NDArray[np.object_]:
    """`[n]`: the first column whose text cannot be kept, in words; empty where all can."""
    words = np.full(table.num_rows, "", object)
    kept = [name for name in table.column_names if name not in schema.ITEM_FAULTS]
    texts = [name for name in kept if pa.types.is_string(table.schema.field(name).type)]
    for name in texts:
        for flags, fault in (
            (has_nul(table[name]), "a NUL"),
            (is_overlong(table[name]), "too long for a segment"),
        ):
            if fault == "a NUL" or name == segment:
                words[flags.to_numpy() & (words == "")] = f"{name}: {fault}"
    return words
