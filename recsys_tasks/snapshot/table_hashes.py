"""Hashes of tables by their rows, whatever wrote them."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa


def table_hash(table: pa.Table) -> str:
    """Hash of a table's rows, by its Arrow stream; rows are copied, so that a slice hashes like its
    copy.
    """
    table = table.replace_schema_metadata(None)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.take(pa.array(np.arange(table.num_rows))).combine_chunks())

    return hashlib.sha256(sink.getvalue()).hexdigest()[:16]


def extra_hash(extra: pa.Table | str) -> str:
    """Hash of a table's rows, or of a text."""
    return (
        hashlib.sha256(extra.encode()).hexdigest()[:16]
        if isinstance(extra, str)
        else table_hash(extra)
    )
