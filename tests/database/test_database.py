from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from recsys_tasks.config import Environment
from recsys_tasks.database import (
    EmbeddedServer,
    copy_arrow,
    create_engine,
    current_revision,
    database_url,
    is_running,
    libpq_uri,
    load_arrow,
    lock_key,
    migrate,
    migrations,
    owner_url,
    safe_url,
    transaction,
    urls,
)
from recsys_tasks.errors import ConfigError, ServingError, TransientError

SECRET = "s3cr3t-w0rd"


def ask(url: str, question: str) -> object:
    engine = create_engine(url)
    try:
        with transaction(engine) as connection:
            return connection.scalar(sa.text(question))
    finally:
        engine.dispose()


def test_a_server_lives_through_stop_kill_and_a_reused_process_number(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert not is_running(home)
    server = EmbeddedServer.start(home)
    made = server.urls()
    assert is_running(home)
    owner = create_engine(made["recsys_owner"])
    with owner.begin() as connection:
        connection.execute(sa.text("CREATE TABLE kept AS SELECT 7 AS n"))
    owner.dispose()

    EmbeddedServer.start(home)  # a second start attaches to the first
    assert ask(made["recsys_owner"], "SELECT n FROM kept") == 7

    pid_file = home / "postgres" / "postmaster.pid"
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)  # the file stays
    while is_running(home):
        time.sleep(0.01)
    lines = pid_file.read_text().splitlines()
    pid_file.write_text(
        "\n".join([str(os.getpid()), *lines[1:]]) + "\n"
    )  # its number went to another program
    (home / "postgres" / ".s.PGSQL.5432.lock").write_text(
        "\n".join([str(os.getpid()), *lines[1:]]) + "\n"
    )
    assert not is_running(home)
    settings = home / "postgres" / "postgresql.conf"
    older = re.sub(
        r"(?m)^bgwriter_delay.*$", "", settings.read_text()
    )  # as of a version that did not set it
    settings.write_text(
        older.replace("wal_writer_delay = '10ms'", "wal_writer_delay = '50ms'")
    )  # and by hand
    again = EmbeddedServer.start(home)
    found = [
        ask(made["recsys_owner"], f"SHOW {name}") for name in ("bgwriter_delay", "wal_writer_delay")
    ]
    assert found == ["10ms", "50ms"]
    assert again.urls() == made and ask(made["recsys_owner"], "SELECT n FROM kept") == 7

    again.stop()
    assert not is_running(home)
    with pytest.raises(TransientError):
        ask(made["recsys"], "SELECT 1")


def test_the_server_outlives_the_process_that_started_it(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 25)  # too long for a socket's path
    start = (
        "from pathlib import Path; from recsys_tasks.database import EmbeddedServer as E;"
        f" E.start(Path({str(home)!r}))"
    )
    subprocess.run([sys.executable, "-c", start], check=True, timeout=60)
    assert ask(urls(home)["recsys"], "SELECT current_user::text") == "recsys_writer"
    EmbeddedServer.start(home).stop()
    assert not is_running(home)


def test_every_role_needs_its_password_and_the_file_is_private(
    embedded_server: EmbeddedServer,
) -> None:
    made = embedded_server.urls()
    assert set(made) == {
        "airflow",
        "mlflow",
        "recsys",
        "recsys_owner",
        "recsys_reader",
        "recsys_availability",
    }
    secrets = embedded_server.home / "database.json"
    assert secrets.stat().st_mode & 0o777 == 0o600
    for url in made.values():
        assert ask(url, "SELECT 1") == 1
        wrong = sa.make_url(url).set(password=SECRET).render_as_string(hide_password=False)
        with pytest.raises(ConfigError, match="authentication failed") as caught:
            ask(wrong, "SELECT 1")
        assert SECRET not in str(caught.value)
    socket = sa.make_url(made["recsys"]).query["host"]
    with pytest.raises(ConfigError):
        ask(f"postgresql://postgres@/postgres?host={socket}", "SELECT 1")
    with pytest.raises(ConfigError):  # airflow's role has no business in the serving database
        ask(
            str(sa.make_url(made["airflow"]).set(database="recsys").render_as_string(False)),
            "SELECT 1",
        )


def test_drivers_are_those_of_the_programs(embedded_server: EmbeddedServer) -> None:
    drivers = {name: sa.make_url(url).drivername for name, url in embedded_server.urls().items()}
    assert (
        drivers["airflow"] == drivers["mlflow"] == "postgresql+psycopg2"
        and drivers["recsys"] == "postgresql+psycopg"
    )


def test_a_configured_url_wins_over_the_embedded_server(tmp_path: Path) -> None:
    known: dict[str, Any] = {
        "home": tmp_path,
        "lake": "x",
        "mlflow_url": None,
        "config_path": tmp_path,
    }
    external = Environment(database_url="postgresql://db/x", **known)
    assert database_url(external) == owner_url(external) == "postgresql://db/x"
    with pytest.raises(TransientError, match="none was started here"):
        database_url(Environment(database_url=None, **known))


def test_messages_never_hold_a_password() -> None:
    url = f"postgresql://ann:{SECRET}@127.0.0.1:9/db"
    assert SECRET not in safe_url(url) and SECRET in libpq_uri(url)
    with pytest.raises(TransientError) as by_engine:
        ask(url, "SELECT 1")
    with pytest.raises(TransientError) as by_arrow:
        copy_arrow(url, "s", "t", pa.table({"a": [1]}))
    assert SECRET not in str(by_engine.value) + str(by_arrow.value)


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense"])
def test_only_postgresql_is_accepted(url: str) -> None:
    with pytest.raises(ConfigError, match="postgresql"):
        create_engine(url)


def test_a_lost_lock_race_is_transient_and_a_mistake_is_not(postgres: Mapping[str, str]) -> None:
    engine = create_engine(postgres["recsys"])
    key = {"key": lock_key("test", 1)}
    with transaction(engine) as holder:
        holder.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), key)
        with pytest.raises(TransientError), transaction(engine) as other:
            other.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
            other.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), key)
    with pytest.raises(sa.exc.ProgrammingError), transaction(engine) as connection:
        connection.execute(sa.text("SELECT no_such_column"))
    engine.dispose()


def test_arrow_rows_arrive_whole_or_not_at_all(postgres: Mapping[str, str]) -> None:
    url = postgres["recsys"]
    rows = pa.table(
        {"publication_id": pa.array([-1, -1], pa.int64()), "user_key": [1, 2], "item_key": [3, 4]}
    )
    rows = rows.cast(
        pa.schema(
            [("publication_id", pa.int64()), ("user_key", pa.int32()), ("item_key", pa.int32())]
        )
    )
    count = "SELECT count(*) FROM recsys.forbidden_rows WHERE publication_id = -1"
    assert copy_arrow(url, "recsys", "forbidden_rows", rows) == 2 and ask(url, count) == 2
    with pytest.raises(RuntimeError), load_arrow(url) as session:
        session.copy("forbidden_rows", rows)
        raise RuntimeError("killed")
    with pytest.raises(ServingError, match="rows that fit their table"):
        copy_arrow(
            url,
            "recsys",
            "forbidden_rows",
            rows.rename_columns(["publication_id", "user_key", "other"]),
        )
    assert ask(url, count) == 2
    with load_arrow(url) as session:
        session.execute("DELETE FROM recsys.forbidden_rows WHERE publication_id = $1", (-1,))
    assert ask(url, count) == 0


def test_migrating_twice_or_at_once_is_one_migration(postgres: Mapping[str, str]) -> None:
    owner = postgres["recsys_owner"]
    threads = [threading.Thread(target=migrate, args=(owner,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    versions = Path(migrations.__file__).parent / "versions"
    assert current_revision(owner) == max(path.stem[1:5] for path in versions.glob("v*.py"))
