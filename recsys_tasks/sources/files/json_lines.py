"""JSON files, an object a row: one a line, or a list of them; read by DuckDB, every value as text.

A whole number stays as it was written and a fraction is the shortest text of the same number. A
missing or null key is null, a column of lists is one of lists.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.errors import SchemaError
from recsys_tasks.sources.files.streams import CHUNK, open_bytes, packing_of

_OBJECTS = """read_json_objects($path, format = $form, compression = $packed,
                                maximum_object_size = 268435456)"""
_FIRST_OBJECTS = """(SELECT json FROM read_json_objects($path, format = $form,
    compression = $packed, maximum_object_size = 268435456) LIMIT $most)"""
_KEYS = """
SELECT list(DISTINCT key), bool_or(json_type(json) <> 'OBJECT'), bool_or(repeated)
FROM (SELECT json, unnest(CASE WHEN len(json_keys(json)) = 0 THEN [NULL] ELSE json_keys(json) END)
             AS key, len(json_keys(json)) <> list_unique(json_keys(json)) AS repeated
      FROM {objects})
"""
_ROWS = """
SELECT {columns} FROM (SELECT json_extract_string(json, $keys) AS found FROM {objects})
"""
_TYPES = "SELECT json_type(json, $key) FROM {objects}"
_BROKEN = "a compressed file that broke off, or is damaged"
_MARK = b"\xef\xbb\xbf"
_START = re.compile(rb"\s*(\{|\[\s*[\[{\"]|\[\s*\]\s*$)")


def is_json(start: bytes) -> bool:
    """Whether a file's first bytes, unpacked, are those of JSON objects or of a list."""
    return _START.match(start.removeprefix(_MARK)) is not None


def json_names(path: Path, most: int | None = None) -> list[str]:
    """Keys of any of a file's objects, or of so many first ones, sorted. Raises SchemaError for
    what is no object, for a damaged file, and for an object that has a key twice.
    """
    ((names, other, repeated),) = _asked(path, _KEYS, lambda found: found.fetchall(), most)
    if other:
        raise _refused(path, "a value that is no object: a number, a text or a list")
    if repeated:
        raise _refused(path, "an object that has a key twice")
    return sorted(name for name in names or [] if name is not None)


def read_json(path: Path, columns: Sequence[str], most: int | None = None) -> pa.Table:
    """These keys of every object, or of so many first ones. Raises SchemaError."""
    if not columns:
        return pa.table({})
    # by place: to DuckDB, names of columns that differ in case alone are one
    places = ", ".join(f"found[{place}] AS c{place}" for place in range(1, len(columns) + 1))
    query = _ROWS.replace("{columns}", places)
    keys = [_pointer(name) for name in columns]
    table = _asked(path, query, lambda found: found.to_arrow_table(), most, keys=keys)
    found = zip(columns, table.columns, strict=True)
    return pa.table([_shaped(path, *column, most) for column in found], names=list(columns))


def _asked(
    path: Path, query: str, take: Callable[[Any], Any], most: int | None, **values: Any
) -> Any:
    """What `take` gets of a query's result: DuckDB reads no file before it is asked for rows."""
    objects = _OBJECTS if most is None else _FIRST_OBJECTS
    values |= {} if most is None else {"most": most}
    packed = packing_of(path)
    if packed == "bz2":
        raise _refused(path, "JSON compressed with bzip2", "compress it with gzip or Zstandard")
    values |= {"path": str(path), "packed": packed or "none"}
    query = query.replace("{objects}", objects)
    try:
        values["form"] = "array" if _is_whole_list(path) else "auto"
        return take(duckdb.connect().sql(query, params=values))
    except (OSError, EOFError, zlib.error) as error:
        raise _refused(path, _BROKEN) from error
    except duckdb.Error as error:
        found = re.search(r"(Malformed JSON|maximum_object_size|unexpected .*)", str(error))
        words = found[1] if found else type(error).__name__
        raise _refused(path, f"{words}{_first_bad_line(path)}") from error


def _is_whole_list(path: Path) -> bool:
    """Whether a file is a list. Raises SchemaError for one that has no end: one that broke off
    behind a comma is whole to DuckDB.
    """
    with open_bytes(path) as file:
        last = file.read(CHUNK).removeprefix(_MARK).strip()
        if not last.startswith(b"["):
            return False
        while chunk := file.read(CHUNK):
            last = chunk.strip() or last
    if not last.endswith(b"]"):
        raise _refused(path, "a list without an end")
    return True


def _first_bad_line(path: Path) -> str:
    """Where a file of one object a line is no JSON; its text may name a user, so it is not said."""
    number = 0
    try:
        with open_bytes(path) as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    json.loads(line.removeprefix(_MARK) if number == 1 else line)
    except ValueError:
        return f" in line {number}"
    except (OSError, EOFError, zlib.error):
        return f"; {_BROKEN}"
    return ""


def _shaped(path: Path, name: str, column: pa.ChunkedArray, most: int | None) -> pa.ChunkedArray:
    """A column of texts; of lists, where a row has one, and of structs, where one has an object.
    Beside lists a single value is a list of one.
    """
    start = pc.utf8_slice_codeunits(column.drop_null(), 0, 1)
    if not pc.any(pc.is_in(start, value_set=pa.array(["[", "{"]))).as_py():
        return column
    kinds = [kind for (kind,) in _asked(path, _TYPES, _rows, most, key=_pointer(name))]
    if "OBJECT" in kinds:
        return pa.chunked_array([pa.StructArray.from_arrays([column.combine_chunks()], ["object"])])
    if "ARRAY" not in kinds and not pc.all(pc.equal(start, "[")).as_py():
        return column
    texts = column.to_pylist()
    try:
        rows = [
            None if text is None else json.loads(text) if text.startswith("[") else [text]
            for text in texts
        ]
    except ValueError:  # texts that only begin as a list does
        if "ARRAY" not in kinds:
            return column
        rows = [
            None if text is None else json.loads(text) if kind == "ARRAY" else [text]
            for text, kind in zip(texts, kinds, strict=True)
        ]
    return pa.chunked_array([_of_lists(rows)])


def _rows(found: duckdb.DuckDBPyRelation) -> list[Any]:
    return found.fetchall()


def _of_lists(rows: list[list[Any] | None]) -> pa.Array:
    try:
        return pa.array(rows)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):  # lists of unlike values
        texts = [None if row is None else [_text_of(value) for value in row] for row in rows]
        return pa.array(texts, pa.list_(pa.string()))


def _text_of(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _pointer(key: str) -> str:
    """A key as a JSON pointer."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _refused(path: Path, found: str, remedy: str = "") -> SchemaError:
    return SchemaError(
        expected="JSON in UTF-8: one object a line, or a list of objects",
        found=found,
        where=str(path),
        remedy=remedy or "correct that line, or deliver the file again: it may have broken off",
    )
