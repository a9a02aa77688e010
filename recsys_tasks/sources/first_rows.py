"""What the first rows of each table show, for `recsys config check`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks import schema
from recsys_tasks.clock import DAY_SECONDS, day_of
from recsys_tasks.config import Config
from recsys_tasks.sources.columns import is_text
from recsys_tasks.sources.contract import (
    Column,
    event_columns,
    item_columns,
    user_columns,
    wanted_columns,
)
from recsys_tasks.sources.noticed.short_ids import short_id_words
from recsys_tasks.sources.noticed.texts import damaged_words, unseen_words
from recsys_tasks.sources.tables import TableName, TableReader
from recsys_tasks.sources.times.days_and_clocks import CLOCK
from recsys_tasks.sources.times.rule import YEAR_10000, event_times
from recsys_tasks.sources.times.words import no_times, quoted_faults

SAMPLE_ROWS: Final = 1000
"""Rows of each table that a check looks at."""
_FEW: Final = 20


def contract_columns(config: Config, cutoff: int | None) -> dict[TableName, list[Column]]:
    """The columns of every table."""
    return {
        "events": event_columns(config, cutoff),
        "items": item_columns(config, cutoff),
        "users": user_columns(config),
    }


def words_on(
    reader: TableReader, table: TableName, part: str, columns: Sequence[Column], rows: pa.Table
) -> str:
    """How many rows were looked at, and what of them cannot be read; `rows` are delivered ones and
    may have further columns. Raises SchemaError for a column that cannot be read, and where no row
    of the interactions has a time.
    """
    read = reader.contract.read(rows, columns, table, part, reader.signs_of(table, part))
    reader.look_at_undeclared(table, rows, wanted_columns(columns))
    words = [f"{table} {len(read):,} rows looked at"]
    if table == "events":
        words += _words_on_times(reader, rows, read)
    if not reader.config.validation.allow_shortened_ids:
        words += [said for c in read.column_names if c.endswith("_id") for said in _short(read, c)]
    for name in read.column_names:
        if not name.endswith("_fault") or name == "ts_fault":
            continue
        known, column = read[name].drop_null(), name.removesuffix("_fault")
        if len(known):
            words.append(f"{len(known):,} of them have no readable {column}: {known[0].as_py()!r}")
    if schema.ITEM_END in read.column_names:
        words += _words_on_ends(read[schema.ITEM_END])
    odd = [
        f"{name.partition('.')[2]} {texts[0]}"
        for name, texts in reader.odd_values().items()
        if name.startswith(f"{table}.")
    ]
    for name in read.column_names:
        if pa.types.is_string(read[name].type) and not name.endswith("_fault"):
            words += [*unseen_words(read[name], name), *damaged_words(read[name], name)]
    words += [f"numbers of no use: {', '.join(odd)}"] if odd else []
    words += [
        said
        for name, remarks in reader.remarks().items()
        for said in remarks
        if said.startswith(f"{table}.")
    ]
    return ", ".join(words)


def _words_on_ends(ends: pa.ChunkedArray) -> list[str]:
    """How many items have no end, and which ends are the first and the last: to be looked at."""
    known = ends.drop_null()
    words = f"{len(known):,} of them with an end"
    if len(known):
        first, last = (_day(f(known).as_py()) for f in (pc.min, pc.max))
        words += f", from {first} to {last}"
    return [words]


def _day(seconds: int) -> str:
    """The last day before an end."""
    return "9999-12-31" if seconds >= YEAR_10000 else day_of(seconds - 1).isoformat()


def _short(read: pa.Table, column: str) -> list[str]:
    words = short_id_words(read[column])
    return [f"{column}: {words}; see validation.allow_shortened_ids"] if words else []


def _words_on_times(reader: TableReader, rows: pa.Table, read: pa.Table) -> list[str]:
    config, faults = reader.config, read["ts_fault"]
    rule, dated = event_times(config, reader.cutoff), len(read) - read["ts"].null_count
    if len(read) and not dated:
        raise no_times(config, faults, rule)
    words = [f"{dated:,} of them with a time"]
    words += [f"not {text}" for text in quoted_faults(faults, rule)]
    clocks = [name for name in rows.column_names if _has_clocks(rows[name])]
    apart = config.events.time_of_day_column
    known = read["ts"].drop_null()
    days_alone = len(known) >= _FEW and not any(t % DAY_SECONDS for t in known.to_pylist())
    if clocks and apart is None and days_alone:
        words.append(
            f"every time is a day alone, and {clocks[0]!r} has times of day: set"
            f" events.time_of_day_column: {clocks[0]}"
        )
    return words


def _has_clocks(column: pa.ChunkedArray) -> bool:
    if pa.types.is_time(column.type):
        return True
    known = column.drop_null() if is_text(column.type) else column.slice(0, 0)
    return len(known) > 0 and bool(pc.all(pc.match_substring_regex(known, CLOCK)).as_py())
