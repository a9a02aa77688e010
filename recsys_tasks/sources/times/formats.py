"""Times written in a form that the settings name, such as `%d.%m.%Y %H:%M`; read by DuckDB."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.clock import start_of
from recsys_tasks.sources.times.text import Bools, Longs, flags

_FIRST = start_of(date(1000, 1, 1))
"""`%Y` also takes the 26 of a year in two digits, and the year 26 is never meant."""


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """Opened once: a column is read in milliseconds, and a database takes longer to open. Without
    threads of its own it outlives a fork.
    """
    return duckdb.connect(config={"threads": 1})


def formatted_seconds(text: Any, form: str) -> tuple[Longs, Bools, bool]:
    """(seconds `[n] int64`, parts of one left out; whether a text is such a time `[n] bool`;
    whether they are UTC's, as the form has an offset) of texts of one form, as `strptime` has it.
    """
    with _database().cursor() as database:
        database.register("texts", pa.table({"text": text}))
        query = "SELECT try_strptime(text, $form) AS moment FROM texts"
        moments = database.sql(query, params={"form": form}).to_arrow_table()["moment"]
    micros = pc.cast(moments, pa.int64())
    seconds = np.floor_divide(pc.fill_null(micros, 0).to_numpy(), 1_000_000)
    exists = flags(pc.is_valid(micros)) & (seconds >= _FIRST)
    return seconds, exists, moments.type.tz is not None
