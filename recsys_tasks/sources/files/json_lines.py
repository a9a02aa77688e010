"""JSON files, an object a row: one a line, or a list of them; read by DuckDB, every value as text.

A number stays as it was written, a missing or null key is null, a column of lists is one of lists.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.errors import SchemaError
from recsys_tasks.sources.files.streams import is_gzip, open_bytes

_KEYS = """
SELECT list(DISTINCT key), bool_or(json_type(json) <> 'OBJECT'), bool_or(repeated)
FROM (SELECT json, unnest(CASE WHEN len(json_keys(json)) = 0 THEN [NULL] ELSE json_keys(json) END)
             AS key, len(json_keys(json)) <> list_unique(json_keys(json)) AS repeated
      FROM read_json_objects($path, format = 'auto', compression = $packed,
                             maximum_object_size = 268435456))
"""
_ROWS = """
SELECT * FROM read_json($path, format = 'auto', compression = $packed, columns = {columns},
                        maximum_object_size = 268435456)
"""
_START = re.compile(rb"\s*(\{|\[\s*[\[{\"])")


def is_json(start: bytes) -> bool:
    """Whether a file's first bytes, unpacked, are those of JSON objects or of a list."""
    return _START.match(start.removeprefix(b"\xef\xbb\xbf")) is not None


def json_names(path: Path) -> list[str]:
    """Keys of any of a file's objects, sorted. Raises SchemaError for what is no object, for a
    damaged file, and for an object that has a key twice.
    """
    ((names, other, repeated),) = _asked(path, _KEYS, lambda found: found.fetchall())
    if other:
        raise _refused(path, "a value that is no object: a number, a text or a list")
    if repeated:
        raise _refused(path, "an object that has a key twice")
    return sorted(name for name in names or [] if name is not None)


def read_json(path: Path, columns: Sequence[str]) -> pa.Table:
    """These keys of every object. Raises SchemaError."""
    wanted = ", ".join(f"{_quoted(name)}: 'VARCHAR'" for name in columns)
    query = _ROWS.replace("{columns}", f"{{{wanted}}}")
    table = _asked(path, query, lambda found: found.to_arrow_table())
    return pa.table([_lists(table[name]) for name in columns], names=list(columns))


def _asked(path: Path, query: str, take: Callable[[Any], Any]) -> Any:
    """What `take` gets of a query's result: DuckDB reads no file before it is asked for rows."""
    values = {"path": str(path), "packed": "gzip" if is_gzip(path) else "none"}
    try:
        return take(duckdb.connect().sql(query, params=values))
    except duckdb.Error as error:
        found = re.search(r"(Malformed JSON|maximum_object_size|unexpected .*)", str(error))
        words = found[1] if found else type(error).__name__
        raise _refused(path, f"{words}{_first_bad_line(path)}") from error


def _first_bad_line(path: Path) -> str:
    """Where a file of one object a line is no JSON; its text may name a user, so it is not said."""
    with open_bytes(path) as file:
        for number, line in enumerate(file, 1):
            try:
                if line.strip():
                    json.loads(line)
            except ValueError:
                return f" in line {number}"
    return ""


def _lists(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of texts; where each is a JSON list, of lists."""
    there = column.drop_null()
    if not len(there) or not pc.all(pc.starts_with(there, "[")).as_py():
        return column
    try:
        return pa.chunked_array(
            [pa.array([None if text is None else json.loads(text) for text in column.to_pylist()])]
        )
    except (pa.ArrowException, ValueError):  # lists of unlike values stay text, for the checks
        return column


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def _refused(path: Path, found: str) -> SchemaError:
    return SchemaError(
        expected="JSON in UTF-8: one object a line, or a list of objects",
        found=found,
        where=str(path),
        remedy="correct that line, or deliver the file again: it may have broken off",
    )
