"""Strategies of whole deliveries, sound and damaged."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.sources.fuzz.cells import STORED, TIME_FORMAT, json_values, parquet_values, texts
from tests.sources.fuzz.shapes import (
    TABLES,
    Damage,
    Declared,
    Delivery,
    Form,
    Part,
    Place,
    Stored,
    Style,
    TableName,
)
from tests.sources.times.written import UNITS

FORMS: tuple[Form, ...] = (
    "csv",
    "csv",
    "csv",
    "csv",
    "tsv",
    "lines",
    "list",
    "parquet",
    "parquet",
    "arrow",
    "stream",
)
STYLES = st.builds(
    Style,
    delimiter=st.sampled_from([",", ",", ";", "|", "\t", " ", "^"]),
    encoding=st.sampled_from(
        [
            *("utf-8", "utf-8", "utf-8", "utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"),
            *("utf-16-le", "utf-16-be", "utf-32"),
        ]
    ),
    null_words=st.sampled_from([(), (), ("NULL",), ("\\N", "-"), ("null", "None", "nan", "")]),
    unit=st.sampled_from(("seconds", *UNITS)),
    launch_unit=st.sampled_from(("seconds", "seconds", *UNITS)),
    users_table=st.sampled_from([True, True, False]),
    decimal=st.sampled_from([".", ".", ","]),
    thousands=st.sampled_from(["", "", "'", ",", "."]),
    headerless=st.sampled_from([(), (), (), ("events",), ("items", "users")]),
    timezone=st.sampled_from([None, None, None, "Europe/Berlin", "Africa/Cairo"]),
    time_format=st.sampled_from([None, None, None, TIME_FORMAT]),
)
# the first bytes of some are those of other formats; one is another column's in capitals
_EXTRA = ["extra", "PAR1", "PARENT ", "ORC", "ARROW1", "BZh9", "Extra", "größer", "a~b/c$.d", "PK"]
COLUMNAR = ("parquet", "arrow", "stream")
PLACES: tuple[Place, ...] = ("folder", "pattern", "file")
BROKEN = ("column gone", "column twice", "row long", "row short", "open quote", "cut", "empty")


@st.composite
def parts(draw: st.DrawFn, style: Style, table: TableName, newest: bool, most: int = 7) -> Part:
    """A sound part: every column that it must have, in any order, and others beside them."""
    form = draw(st.sampled_from(FORMS))
    header = table not in style.headerless or form not in ("csv", "tsv")
    # of a list without rows, or a file of CSV without a header, no column is known
    rows = draw(st.integers(0 if form != "list" and header else 1, most))
    lacking = (
        [] if newest or not header else draw(st.lists(st.sampled_from(TABLES[table]), max_size=2))
    )
    columns = [
        draw(_column(style, form, declared, rows))
        for declared in TABLES[table]
        if not (declared.optional and declared in lacking)
    ]
    for number in range(draw(st.integers(0, 2)) if header else 0):
        name = draw(st.sampled_from(_EXTRA)) + str(number)
        columns.append(draw(_column(style, form, Declared("", name, "text"), rows)))
    return Part(
        form,
        tuple(draw(st.permutations(columns)) if header else columns),
        rows,
        header=header,
        quote_all=draw(st.booleans()),
        newline=draw(st.sampled_from(["\n", "\r\n"])),
        headed_again=header and draw(st.integers(0, 5)) == 0,
        ends_with_newline=draw(st.booleans()),
        mark=style.encoding == "utf-8" and draw(st.booleans()),
        packed=form not in COLUMNAR and draw(st.integers(0, 3)) == 0,
        group=draw(st.sampled_from([1000, 2])),
    )


@st.composite
def _column(draw: st.DrawFn, style: Style, form: str, declared: Declared, rows: int) -> Stored:
    meaning = declared.meaning
    # so that few different strategies are made: an example costs more to draw than to read
    style = Style(
        encoding=style.encoding if form in ("csv", "tsv") else "utf-8",
        null_words=style.null_words,
        unit=style.unit if meaning == "time" else "seconds",
        launch_unit=style.launch_unit if meaning == "launch" else "seconds",
        time_format=style.time_format if meaning == "time" else None,
    )
    cells: st.SearchStrategy[Any]
    if form in ("csv", "tsv"):
        kind, cells = "text", texts(style, meaning)
    elif form in ("lines", "list"):
        kind, cells = "json", json_values(style, meaning)
    else:
        kind = draw(st.sampled_from(STORED[meaning]))
        cells = parquet_values(kind, style, meaning)
    made: list[Any] = draw(st.lists(cells, min_size=rows, max_size=rows))
    return Stored(declared.column, kind, tuple(made))


@st.composite
def deliveries(draw: st.DrawFn, damaged: bool = False) -> Delivery:
    """Three tables, or two; `damaged`: one part of them is broken."""
    style = draw(STYLES.filter(lambda style: style.thousands != style.decimal))
    tables: dict[TableName, tuple[Part, ...]] = {}
    for table in TABLES:
        if table == "users" and not style.users_table:
            continue
        count = draw(st.sampled_from([1, 1, 2, 3] if table == "events" else [1, 1, 1, 2]))
        tables[table] = tuple(
            draw(parts(style, table, number == count - 1)) for number in range(count)
        )
    place = draw(st.sampled_from(PLACES))
    damage = None
    if damaged:
        table = draw(st.sampled_from(["events", "events", *tables]))
        part = draw(st.integers(0, len(tables[table]) - 1))
        damage = Damage(
            draw(st.sampled_from(BROKEN)), table, part, draw(st.floats(0, 1, exclude_max=True))
        )
    return Delivery(style, tables, place, damage)
