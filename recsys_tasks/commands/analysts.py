"""The way in for analysts: what a program connects with, and psql as the reader."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import make_url

from recsys_tasks.config import Environment
from recsys_tasks.database import reader_url
from recsys_tasks.database.clients import embedded_program, login
from recsys_tasks.database.reader_port import HOST, Forwarding, serve
from recsys_tasks.errors import ConfigError

_READ_ONLY = "-c search_path=recsys,public -c default_transaction_read_only=on"


def connection_lines(environment: Environment, port: int | None = None) -> Iterator[str]:
    """What psql, a program and a BI tool connect with, a line each; it holds the password. `port`:
    that of this machine by which the embedded server is reached.
    """
    given = make_url(reader_url(environment))
    if port is not None:
        given = given.set(host=HOST, port=port, query={})
    host = given.host or str(given.query.get("host", ""))
    login = f"{quote(given.username or '', safe='')}:{quote(given.password or '', safe='')}"
    socket = host.startswith("/")
    place = "" if socket else f"{host}:{given.port or 5432}"
    query = f"?host={quote(host, safe='')}" if socket else ""
    url = f"postgresql://{login}@{place}/{given.database}{query}"
    yield f"URL     {url}"
    yield f"psql    psql '{url}'   (or: recsys sql)"
    if socket:
        yield "JDBC    none: the embedded server listens on a socket of this machine alone"
        yield "        recsys connect --port 5433 opens a port on it, for as long as that runs; for"
        yield "        BI tools elsewhere, set RECSYS_DATABASE_URL to a PostgreSQL of your own"
    else:
        yield f"JDBC    jdbc:postgresql://{place}/{given.database}?currentSchema=recsys"
        yield f"        user {given.username}; the password is that of the URL"


def open_port(environment: Environment, port: int, say: Callable[[str], None]) -> None:
    """Let the reader of the embedded server in by a TCP port of this machine, until interrupted.

    Raises ConfigError where the database has a port of its own, or this one is taken.
    """
    given = make_url(reader_url(environment))
    folder = given.query.get("host")
    if given.host or not isinstance(folder, str):
        raise ConfigError(
            expected="the embedded server, which has no port",
            found=f"a PostgreSQL that has one: {given.host}:{given.port or 5432}",
            where="RECSYS_READER_URL, else RECSYS_DATABASE_URL",
            remedy="connect with what `recsys connect` prints",
        )

    def ready() -> None:
        for line in connection_lines(environment, port):
            say(line)
        say("open until this command is interrupted (Ctrl-C)")

    socket = Path(folder) / f".s.PGSQL.{given.port or 5432}"
    serve(Forwarding(socket, given.username or ""), port, ready)


def run_psql(environment: Environment, arguments: Sequence[str]) -> int:
    """Run psql as the reader, in schema recsys, read-only; its exit code. The password is in its
    environment, not on its command line. Raises ConfigError without a psql.
    """
    known = {**login(reader_url(environment)), "PGOPTIONS": _READ_ONLY}
    return subprocess.run(
        [_psql(), *arguments], env={**os.environ, **known}, check=False
    ).returncode


def _psql() -> str:
    found = embedded_program("psql") or shutil.which("psql")
    if found is None:
        raise ConfigError(
            expected="psql",
            found="none beside the embedded PostgreSQL, and none on PATH",
            where="PATH",
            remedy="install PostgreSQL's client, or connect with what `recsys connect` prints",
        )
    return str(found)
