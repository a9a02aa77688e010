"""A disk without room, and sessions that end: how tests break what publishes."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import Engine

from recsys_tasks.database import (
    EmbeddedServer,
)
from recsys_tasks.errors import RecsysError
from tests.serving.nights import (
    PLAIN,
    publish_night,
    shown,
)

OTHER = {user: [7, 6, 5, 4] if user == 0 else items for user, items in PLAIN.items()}


HOLDER = "ann's session"


FALLBACK = pa.table({"segment": [""], "items": [[6, 7]], "scores": [[1.0, 0.5]]})


def clear(error: RecsysError, urls: Mapping[str, str], *words: str) -> None:
    """Four parts, the words that matter, and nobody's password."""
    parts = error.as_dict()
    assert all(parts[name] for name in ("expected", "found", "where", "remedy"))
    for word in words:
        assert word in str(error), (word, str(error))
    passwords = [sa.make_url(url).password or "" for url in urls.values()]
    assert not any(password in str(error) for password in passwords)


def ends_well(writer: Engine, reader: Engine) -> None:
    """The next good run of 2 March shows it and leaves nothing half-made."""
    assert publish_night(writer, 1, OTHER).moved
    assert shown(reader)["u0"] == ["i7", "i6", "i5"]
    with writer.connect() as connection:
        states = connection.execute(
            sa.text("SELECT status, count(*) FROM recsys.publication GROUP BY 1")
        ).all()
        assert "building" not in dict(tuple(row) for row in states)
        orphans = (
            "SELECT relname FROM pg_class AS c WHERE relnamespace = 'recsys'::regnamespace AND"
            " relkind = 'r' AND relname ~ '^list_rows_[0-9]+$' AND (NOT relispartition OR relname"
            " NOT IN (SELECT 'list_rows_' || id FROM recsys.publication WHERE retired_at IS NULL))"
        )
        assert list(connection.scalars(sa.text(orphans))) == []


@contextmanager
def tiny_disk(folder: Path) -> Iterator[Path]:
    """A disk of one megabyte; skips where mounting is not allowed."""
    folder.mkdir()
    mounted = os.geteuid() == 0 and (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], check=False
        ).returncode
        == 0
    )
    if not mounted:
        folder.rmdir()
        pytest.skip("a disk that is full needs a mount, which only root may make")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def fill(disk: Path) -> Path:
    """Take what room there is."""
    filler = disk / "filler"
    with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    return filler


def superuser(server: EmbeddedServer) -> psycopg.Connection:
    known = json.loads((server.home / "database.json").read_text())
    return psycopg.connect(
        host=known["socket"],
        user="postgres",
        password=known["passwords"]["postgres"],
        dbname="recsys",
        autocommit=True,
    )


@contextmanager
def lists_on(server: EmbeddedServer, disk: Path) -> Iterator[None]:
    """New tables of the writer go to that disk."""
    space = disk / "space"
    space.mkdir()
    owner = (server.home / "postgres").stat()
    os.chown(space, owner.st_uid, owner.st_gid)
    with superuser(server) as connection:
        connection.execute(sql.SQL("CREATE TABLESPACE tiny LOCATION {}").format(str(space)))
        connection.execute("GRANT CREATE ON TABLESPACE tiny TO recsys_owner, recsys_writer")
        connection.execute("ALTER ROLE recsys_writer SET default_tablespace = 'tiny'")
        try:
            yield
        finally:
            connection.execute("ALTER ROLE recsys_writer RESET default_tablespace")
            kept = (
                "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND reltablespace ="
                " (SELECT oid FROM "
            )
            for (name,) in connection.execute(
                kept + "pg_tablespace WHERE spcname = 'tiny')"
            ).fetchall():
                connection.execute(sql.SQL("DROP TABLE " + name))
            connection.execute("DROP TABLESPACE tiny")
