"""How commands print: lines and tables for a person, JSON and CSV for a program."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

_WHOLE = 100_000
"""Columns of an output that is no screen: nothing is cut or wrapped for the program that reads it.
"""
_PROSE = 24
"""Fewest columns of the screen for a column of sentences, which are wrapped; others stay whole."""
_FIRST = frozenset({"as_of", "release", "id", "publication_id", "item_id", "rank"})
"""Columns that a narrow screen has whole before all others: night, release and ids."""
console = Console(width=None if sys.stdout.isatty() else _WHOLE)

Json = Annotated[bool, typer.Option("--json", help="A JSON list of objects, one a row.")]
Limit = Annotated[int, typer.Option(min=1, help="Newest ones shown.")]
Csv = Annotated[bool, typer.Option("--csv", help="CSV with a header.")]


def say(line: str) -> None:
    """Print a line as it is: what users and shops write is no markup."""
    console.print(Text(line), soft_wrap=True)


def wants_program(as_json: bool, as_csv: bool) -> bool:
    """Whether a program reads the output. Raises a usage error for both forms at once."""
    if as_json and as_csv:
        raise typer.BadParameter("--json or --csv, not both")
    return as_json or as_csv


def print_result(
    title: str,
    names: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    empty: str,
    as_json: bool = False,
    as_csv: bool = False,
) -> None:
    """Print the rows of a query: for a person a table, or the line `empty` where there is none; for
    a program every column, the names also where there are no rows.
    """
    wants_program(as_json, as_csv)
    if as_json:
        found = [dict(zip(names, map(_json, row), strict=True)) for row in rows]
        typer.echo(json.dumps(found, ensure_ascii=False, indent=1))
    elif as_csv:
        out = csv.writer(sys.stdout, lineterminator="\n")
        out.writerow(names)
        out.writerows([_plain(value) for value in row] for row in rows)
    elif rows:
        _print_table(title, names, rows)
    else:
        say(empty)


def _print_table(title: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """As many columns as the screen holds whole, in their order, night, release and ids before all
    others; those left out are named.
    """
    texts = [[_shown(value) for value in row] for row in rows]
    widths = [
        max(len(name), *(len(row[place]) for row in texts)) for place, name in enumerate(names)
    ]
    prose = [
        any(" " in row[p] and len(row[p]) > _PROSE for row in texts) for p in range(len(names))
    ]
    kept, used = [], 1
    for place in sorted(range(len(names)), key=lambda place: names[place] not in _FIRST):
        needed = 3 + (min(widths[place], _PROSE) if prose[place] else widths[place])
        if used + needed <= console.width:
            kept.append(place)
            used += needed
    kept.sort()
    table = Table(title=Text(title), title_justify="left", header_style="bold")
    for place in kept:
        table.add_column(names[place], no_wrap=not prose[place], overflow="fold")
    for row in texts:
        table.add_row(*(Text(row[place]) for place in kept))
    console.print(table)
    if len(kept) < len(names):
        lacking = [name for place, name in enumerate(names) if place not in kept]
        say(f"not shown, the screen is too narrow: {', '.join(lacking)} (--json has all)")


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, timedelta):
        hours, rest = divmod(int(value.total_seconds()), 3600)
        return f"{hours} h {rest // 60:02d} min"
    return "" if value is None else " ".join(str(value).split())


def _json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _json(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_json(inner) for inner in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return _plain(value)


def _plain(value: Any) -> Any:
    """A value as programs read it: times in ISO 8601, spans in seconds."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(_json(value), ensure_ascii=False)
    return value if value is None or isinstance(value, bool | int | float) else str(value)
