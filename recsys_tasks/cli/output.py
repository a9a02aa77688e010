"""How commands print: lines and tables on a screen, and whole lines for a program."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_WHOLE = 100_000
"""Columns of an output that is no screen: nothing is cut or wrapped for the program that reads it.
"""
console = Console(width=None if sys.stdout.isatty() else _WHOLE)


def say(line: str) -> None:
    """Print a line as it is: what users and shops write is no markup."""
    console.print(Text(line), soft_wrap=True)


def print_rows(title: str, rows: Sequence[Any], *, empty: str) -> None:
    """Print rows of a query as a table with its columns' names, or the line `empty` for none."""
    if not rows:
        say(empty)
        return
    table = Table(*rows[0]._fields, title=Text(title), title_justify="left", header_style="bold")
    for row in rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    console.print(table)
