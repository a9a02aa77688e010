"""Time every query of docs/how-to/cookbook.md, as a reader of a filled database:
`python -m benchmarks.serving.cookbook`.

RECSYS_READER_URL, or RECSYS_DATABASE_URL, names the database; without either, the embedded server's
reader under RECSYS_HOME. `--user`, `--item` and `--segment` replace the cookbook's own, `--as-of`
its date. Prints a Markdown table; exit code 1 when a query that is no export took longer than two
seconds at its best of three.
"""

from __future__ import annotations

import argparse
import os
import sys
from time import perf_counter

import sqlalchemy as sa

from benchmarks.serving.queries import Query, queries
from recsys_tasks.config import read_environment
from recsys_tasks.database import create_engine, urls
from recsys_tasks.errors import TransientError

LIMIT_SECONDS = 2.0
CUT_OFF_SECONDS = 30.0
RUNS = 3
EXPORT_SECONDS = 600.0


def reader_url() -> str:
    environment = read_environment()
    named = os.environ.get("RECSYS_READER_URL") or environment.database_url
    return named or urls(environment.home)["recsys_reader"]


def best_of(connection: sa.Connection, query: Query) -> tuple[int | None, float, float]:
    """(rows, None for a query that was cut off; seconds of the first run, seconds of the best run).

    An export runs once, and may take its time.
    """
    seconds: list[float] = []
    rows: int | None = None
    limit = EXPORT_SECONDS if query.export else CUT_OFF_SECONDS
    connection.execute(sa.text(f"SET statement_timeout = '{limit:g}s'"))
    connection.commit()
    for _ in range(1 if query.export else RUNS):
        started = perf_counter()
        try:
            rows = len(connection.exec_driver_sql(query.sql.replace("%", "%%")).all())
        except (sa.exc.DBAPIError, TransientError):
            connection.rollback()
            return None, limit, limit
        seconds.append(perf_counter() - started)
    return rows, seconds[0], min(seconds)


def timed(url: str, *, exports: bool = True, **chosen: str) -> int:
    """Print the table of every query, asked at that URL; returns how many are too slow. `exports`:
    whether exports are timed, too, which take minutes.

    `chosen` replaces the cookbook's own user, item, date and segment, as `queries` takes them.
    """
    engine = create_engine(url)
    slow = 0
    print("| query | rows | first, s | best of three, s |\n|---|---|---|---|")
    with engine.connect() as connection:
        for query in queries(**chosen):
            if query.export and not exports:
                continue
            rows, first, best = best_of(connection, query)
            slow += best > LIMIT_SECONDS and not query.export
            print(
                f"| {query.title} | {'cut off' if rows is None else f'{rows:,}'} | {first:.2f} |"
                f" {best:.2f} |",
                flush=True,
            )
    engine.dispose()
    print(f"\n{slow} slower than {LIMIT_SECONDS:g} s")
    return slow


def main() -> int:
    parser = argparse.ArgumentParser(description="Time every query of docs/how-to/cookbook.md.")
    parser.add_argument("--user", default="u1")
    parser.add_argument("--item", default="i2")
    parser.add_argument("--as-of", default="2026-03-02")
    parser.add_argument("--segment", default="nl")
    return min(timed(reader_url(), **vars(parser.parse_args())), 1)


if __name__ == "__main__":
    sys.exit(main())
