"""How a shop's CSV files are written, as settings: of all tables, and of those that differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import pyarrow.compute as pc

from recsys_tasks.commands.init.columns import Column
from recsys_tasks.commands.init.proposal import Proposal
from recsys_tasks.commands.init.roles import Roles
from recsys_tasks.commands.init.tables import Table
from recsys_tasks.sources.columns import is_text

_USUAL: Final[Mapping[str, Any]] = {
    "delimiter": ",",
    "encoding": "utf-8",
    "decimal": ".",
    "thousands": "",
    "null_words": (),
}


def add_dialect(proposal: Proposal, roles: Roles) -> None:
    """Separator, encoding and signs of numbers, and the columns of files without a header."""
    tables = {name: pair for name, pair in _tables(roles).items() if pair[0].is_csv}
    written = {name: _written(table) for name, (table, _) in tables.items()}
    common = dict(_USUAL)
    for setting, usual in _USUAL.items():
        found = [sign for way in written.values() if (sign := way[setting]) is not None]
        common[setting] = Counter(found).most_common(1)[0][0] if found else usual
        if common[setting] != usual:
            value = common[setting]
            value = list(value) if isinstance(value, tuple) else value
            doubt = {"thousands": _doubt, "encoding": _letters}.get(setting, _no_doubt)(
                tables, value
            )
            words = doubt or "as the CSV files are written"
            proposal.add(f"source.{setting}", value, "a guess" if doubt else "likely", words)
    differing = {
        name: {setting: list(v) if isinstance(v, tuple) else v for setting, v in own.items()}
        for name, way in written.items()
        if (own := {s: v for s, v in way.items() if v is not None and v != common[s]})
    }
    if differing:
        words = f"the CSV files of {' and '.join(differing)} are written otherwise"
        proposal.add("source.dialects", differing, "likely", words)
    _add_columns(proposal, tables)


def _doubt(tables: Mapping[str, tuple[Table, Mapping[str, Column]]], thousands: str) -> str:
    """Why a sign may stand before fractions instead; empty where a table shows that it does not."""
    own = [table.signs for table, _ in tables.values() if table.signs.thousands == thousands]
    return own[0].doubt if all(signs.doubt for signs in own) else ""


def _letters(tables: Mapping[str, tuple[Table, Mapping[str, Column]]], encoding: str) -> str:
    """A text as an encoding reads it, where another one could be meant; else empty."""
    if encoding.startswith("utf"):
        return ""
    for table, _ in tables.values():
        for column in table.rows.columns if table.dialect.encoding == encoding else ():
            if is_text(column.type):
                odd = column.filter(pc.invert(pc.string_is_ascii(column))).drop_null()
                if len(odd):
                    return f"it is no UTF-8; is {odd[0].as_py()[:60]!r} written right?"
    return ""


def _no_doubt(tables: Mapping[str, tuple[Table, Mapping[str, Column]]], value: Any) -> str:
    return ""


def _tables(roles: Roles) -> dict[str, tuple[Table, Mapping[str, Column]]]:
    tables = {"events": (roles.events, roles.columns)}
    for name, entities in (("items", roles.items), ("users", roles.users)):
        if entities is not None:
            tables[name] = (entities.table, entities.columns)
    return tables


def _written(table: Table) -> dict[str, Any]:
    """How a table's files are written; None: they read alike either way."""
    several = len(table.rows.column_names) > 1
    return {
        "delimiter": table.dialect.delimiter if several else None,
        "encoding": None if _reads_alike(table) else table.dialect.encoding,
        "decimal": table.signs.decimal,
        "thousands": table.signs.thousands,
        "null_words": table.null_words,
    }


def _reads_alike(table: Table) -> bool:
    """Whether the bytes of a table's text are the same in every encoding but the wide ones."""
    if table.dialect.encoding.startswith(("utf-16", "utf-32")):
        return False
    texts = [c for c in table.rows.columns if is_text(c.type)]
    named = all(name.isascii() for name in table.rows.column_names)
    return named and all(pc.all(pc.string_is_ascii(c), min_count=0).as_py() for c in texts)


def _add_columns(
    proposal: Proposal, tables: Mapping[str, tuple[Table, Mapping[str, Column]]]
) -> None:
    named = {name: columns for name, (table, columns) in tables.items() if table.dialect.columns}
    if not named:
        return
    shown = "; ".join(
        f"{name}: {', '.join(_shown(column) for column in columns.values())}"
        for name, columns in named.items()
    )
    words = f"no header; named by what the columns hold, {shown}"
    columns = {name: list(found) for name, found in named.items()}
    proposal.add("source.columns", columns, "a guess", words)


def _shown(column: Column) -> str:
    """A column with its first value, shortened."""
    return f"{column.name} ({column.sample[0][:20]})" if column.sample else column.name
