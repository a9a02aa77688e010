"""docs/reference/data-dictionary.md, from what the database says of itself: its comments are the
one source.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

READER = "recsys_reader"

_VIEWS = sa.text("""
SELECT c.relname AS view, obj_description(c.oid, 'pg_class') AS about, a.attname AS name,
       format_type(a.atttypid, a.atttypmod) AS type, col_description(c.oid, a.attnum) AS meaning
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'recsys'::regnamespace AND c.relkind = 'v' AND has_table_privilege(:reader,
  c.oid, 'SELECT')
ORDER BY c.relname, a.attnum
""")
_FUNCTIONS = sa.text("""
SELECT p.proname AS name, pg_get_function_arguments(p.oid) AS takes,
  pg_get_function_result(p.oid) AS gives,
       obj_description(p.oid, 'pg_proc') AS about, has_function_privilege(:reader, p.oid,
         'EXECUTE') AS readers
FROM pg_proc AS p
WHERE p.pronamespace = 'recsys'::regnamespace
ORDER BY readers DESC, p.proname
""")

_HEAD = """# Data dictionary

Generated from the database's own comments:
`recsys data-dictionary > docs/reference/data-dictionary.md`.
In `psql`, `\\d+ recsys.recommendations` shows the same. Everything is in the schema `recsys`; the
role `recsys_reader` sees exactly the views and the functions of the first two parts.
[The cookbook](../how-to/cookbook.md) has tested queries on them.
"""


def readers_columns(connection: Connection) -> list[Any]:
    """Rows (view, about, name, type, meaning): each column of each readers' view, in order."""
    return list(connection.execute(_VIEWS, {"reader": READER}).all())


def data_dictionary(connection: Connection) -> str:
    """Markdown: each readers' view with its columns, the readers' functions, and the pipeline's
    own.
    """
    views = readers_columns(connection)
    functions = connection.execute(_FUNCTIONS, {"reader": READER}).all()
    lines = [_HEAD, "## Views", ""]
    for name, columns in groupby(views, key=lambda row: row.view):
        lines += _view(name, list(columns))
    lines += ["## Functions for readers", "", *_functions([f for f in functions if f.readers])]
    lines += [
        "## The pipeline's own functions",
        "",
        *_functions([f for f in functions if not f.readers]),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _view(name: str, columns: list[Any]) -> Iterator[str]:
    yield from (
        f"### {name}",
        "",
        _cell(columns[0].about),
        "",
        "| column | type | meaning |",
        "|---|---|---|",
    )
    for column in columns:
        yield f"| `{column.name}` | {column.type} | {_cell(column.meaning)} |"
    yield ""


def _functions(functions: list[Any]) -> Iterator[str]:
    for function in functions:
        yield f"- `{function.name}({function.takes})` → `{function.gives}`: {_cell(function.about)}"
    yield ""


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|").replace("\n", " ")
