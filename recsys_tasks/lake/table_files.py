"""Tables of the lake as files: Parquet, and Arrow's own format (.arrow) for what is written once
and read once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

TABLES = (".parquet", ".arrow")
PLAIN = ipc.IpcWriteOptions(compression="lz4", use_threads=False)


@contextmanager
def writing(path: Path, schema: pa.Schema) -> Iterator[ipc.RecordBatchFileWriter]:
    """Write an .arrow file. It is closed whatever happens: the writer alone would keep it open when
    a disk is full.
    """
    with pa.OSFile(str(path), "wb") as file, ipc.new_file(file, schema, options=PLAIN) as writer:
        yield writer


def column_names(path: Path) -> list[str]:
    """Names of a table's columns."""
    return list(_opened(path).schema.names)


def read_columns(path: Path, columns: list[str] | None = None) -> pa.Table:
    """A table, or some of its columns."""
    return _opened(path).to_table(columns=columns, use_threads=False)


def count_rows(path: Path) -> int:
    """Rows of a table."""
    return int(_opened(path).count_rows())


def write_like(original: Path, table: pa.Table, path: Path) -> None:
    """Write a table in the format and with the compression of another."""
    if original.suffix == ".arrow":
        with writing(path, table.schema) as writer:
            writer.write_table(table)
        return
    found = pq.read_metadata(original)
    compression = (
        str(found.row_group(0).column(0).compression) if found.num_row_groups else "SNAPPY"
    )
    pq.write_table(table, path, compression=compression)


def _opened(path: Path) -> ds.Dataset:
    return ds.dataset(path, format="ipc" if path.suffix == ".arrow" else "parquet")
