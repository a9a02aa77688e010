"""Every user's list as a file, for a campaign or another system: CSV, JSON Lines or Parquet.

All rows are of one moment: one statement reads them. A list is what `recsys.recommend()` answers,
so that nobody is left out and nothing that is sold out is in it.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import sqlalchemy as sa
from sqlalchemy import Connection

from recsys_tasks.errors import ConfigError, ServingError

SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("segment", pa.string()),
        ("served_by", pa.string()),  # own, segment or everyone, as in the view audience
        ("rank", pa.int32()),
        ("item_id", pa.string()),
        ("title", pa.string()),
        ("score", pa.float32()),
        ("reason", pa.string()),
        ("reason_item_id", pa.string()),
        ("rung", pa.string()),
        ("release", pa.string()),
        ("as_of", pa.date32()),
        ("publication_id", pa.int64()),
    ]
)
"""Columns of an export, a row for each user and place."""
_BATCH = 50_000
_ROWS = """
SELECT a.user_id, a.segment, a.served_by, r.rank, r.item_id, r.title, r.score, r.reason,
       r.reason_item_id, r.rung, r.release, r.as_of, r.publication_id
FROM recsys.audience AS a CROSS JOIN LATERAL recsys.recommend(a.user_id, :k) AS r
WHERE (CAST(:segment AS text) IS NULL OR a.segment = :segment)
  AND (NOT :own OR a.served_by = 'own') {changed}
ORDER BY a.user_id, r.rank
"""
_CHANGED = """
  AND a.user_id IN (
    SELECT u.user_id FROM recsys.current_publication AS c
    JOIN recsys.publication AS p ON p.id = c.publication_id
    JOIN recsys.list_rows AS now ON now.publication_id = p.id
    JOIN recsys.users AS u ON u.user_key = now.user_key
    LEFT JOIN recsys.list_rows AS old
      ON old.publication_id = :before AND old.user_key = now.user_key
    WHERE old.items IS NULL OR old.items[1:coalesce(:k, p.k)] <> now.items[1:coalesce(:k, p.k)])
"""
_AUDIENCE = """
SELECT coalesce(served_by, 'nobody') AS served_by, count(*) AS users
FROM recsys.audience WHERE CAST(:segment AS text) IS NULL OR segment = :segment
GROUP BY 1 ORDER BY 1
"""
_BEFORE = """
SELECT publication_id FROM recsys.publications
WHERE as_of <= :night AND published_at IS NOT NULL AND retired_at IS NULL
ORDER BY as_of DESC, publication_id DESC LIMIT 1
"""


@dataclass(frozen=True)
class Wanted:
    """What to export."""

    segment: str | None = None
    """Only users of this segment."""
    k: int | None = None
    """Places of a list; None: as many as readers see."""
    own: bool = False
    """Only users with a list of their own."""
    changed_since: date | None = None
    """Only lists of users' own that differ from those of the last publication up to that night."""


@dataclass
class Exported:
    """What an export holds, and whom it leaves out."""

    rows: int = 0
    users: Counter[str] = field(default_factory=Counter)
    """Users by who served them: `own`, `segment`, `everyone`."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Users of the segment who are not in it, by who serves them."""


class _Writer(Protocol):
    def write(self, rows: pa.Table) -> None: ...

    def close(self) -> None: ...


def export_lists(connection: Connection, to: str, wanted: Wanted, *, replace: bool) -> Exported:
    """Write a file of the kind that its name ends in: .csv, .jsonl or .parquet; a path, or a URL
    such as `s3://bucket/lists.parquet`. It is there whole or not at all.

    Raises ConfigError for another ending and a file that is there unless `replace`, ServingError
    where nothing is published, there is no such segment, or the night's lists are gone.
    """
    make_writer = _WRITERS.get(Path(to).suffix.lower())
    if make_writer is None:
        raise ConfigError(
            expected=f"a file that ends in {', '.join(_WRITERS)}",
            found=to,
            where="--to",
            remedy="name such a file",
        )
    parameters = {"segment": wanted.segment, "k": wanted.k, "own": wanted.own}
    audience = dict(_pairs(connection, _AUDIENCE, {"segment": wanted.segment}))
    _refuse_nobody(audience, wanted.segment)
    changed = wanted.changed_since is not None
    if wanted.changed_since is not None:
        parameters["before"] = _publication_of(connection, wanted.changed_since)
    query = sa.text(_ROWS.format(changed=_CHANGED if changed else ""))
    done = Exported()
    with _placed(to, replace) as local, ExitStack() as closing:
        writer = make_writer(local)
        closing.callback(writer.close)
        for rows in _batches(connection, query, parameters):
            writer.write(rows)
            done.rows += rows.num_rows
            firsts = rows.filter(pa.compute.equal(rows["rank"], 1))
            done.users.update(firsts["served_by"].to_pylist())
    done.left_out = Counter(audience) - done.users
    return done


def _pairs(
    connection: Connection, query: str, parameters: Mapping[str, Any]
) -> Iterator[tuple[str, int]]:
    for name, count in connection.execute(sa.text(query), parameters):
        yield str(name), int(count)


def _refuse_nobody(audience: Mapping[str, int], segment: str | None) -> None:
    if audience and "nobody" not in audience:
        return
    raise ServingError(
        expected="users who are served" if segment is None else f"users of segment {segment!r}",
        found="no publication" if audience else "none",
        where="recsys.audience",
        remedy=(
            "publish a night first"
            if audience or segment is None
            else "SELECT segment, count(*) FROM recsys.audience GROUP BY segment lists them"
        ),
    )


def _publication_of(connection: Connection, night: date) -> int:
    found = connection.scalar(sa.text(_BEFORE), {"night": night})
    if found is None:
        raise ServingError(
            expected=f"a publication of {night} or before, whose lists are kept",
            found="none",
            where="--changed-since",
            remedy="`recsys publications` lists them; serving.keep_publications keeps more",
        )
    return int(found)


def _batches(
    connection: Connection, query: sa.TextClause, parameters: Mapping[str, Any]
) -> Iterator[pa.Table]:
    """The rows of a query as SCHEMA tables; at least one, be it empty."""
    result = connection.execution_options(stream_results=True, max_row_buffer=_BATCH).execute(
        query, parameters
    )
    yield SCHEMA.empty_table()
    for rows in result.partitions(_BATCH):
        columns = zip(*rows, strict=True)
        arrays = [pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)]
        yield pa.table(arrays, schema=SCHEMA)


@contextmanager
def _placed(to: str, replace: bool) -> Iterator[Path]:
    """A file to write, which is where it is wanted when the block ends well."""
    # Here, because it is of no use for a local file.
    from upath import UPath

    try:
        target = UPath(to).expanduser() if "://" not in to else UPath(to)
        there = target.exists()
    except (ImportError, ValueError) as error:
        raise ConfigError(
            expected="a path, or a URL whose driver is installed (s3fs for s3://)",
            found=str(error),
            where="--to",
            remedy="install the driver with pip, or name a file of this machine",
        ) from error
    if there and not replace:
        raise ConfigError(
            expected="a file that is not there yet",
            found="one that is",
            where=str(target),
            remedy="name another one, or say --replace",
        )
    remote = "://" in to
    folder = None if remote else Path(str(target)).resolve().parent
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-lists-", dir=folder) as place:
        local = Path(place) / target.name
        yield local
        if remote:
            target.fs.put_file(str(local), target.path)
        else:
            local.replace(Path(str(target)).resolve())


class _Csv:
    def __init__(self, path: Path) -> None:
        self._writer = pa_csv.CSVWriter(path, SCHEMA)

    def write(self, rows: pa.Table) -> None:
        self._writer.write_table(rows)

    def close(self) -> None:
        self._writer.close()


class _Parquet:
    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(path, SCHEMA, compression="zstd")

    def write(self, rows: pa.Table) -> None:
        self._writer.write_table(rows)

    def close(self) -> None:
        self._writer.close()


class _JsonLines:
    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")

    def write(self, rows: pa.Table) -> None:
        for row in rows.to_pylist():
            self._file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")

    def close(self) -> None:
        self._file.close()


_WRITERS: Mapping[str, Callable[[Path], _Writer]] = {
    ".csv": _Csv,
    ".jsonl": _JsonLines,
    ".parquet": _Parquet,
}
