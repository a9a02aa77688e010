"""Which errors are worth another try, by errors that really came."""

from __future__ import annotations

import errno
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests
import sqlalchemy as sa
from upath import UPath

from recsys_tasks.database import create_engine
from recsys_tasks.errors import ConfigError, DataError, TransientError
from recsys_tasks.lake.manifest import disk_full_error
from recsys_tasks.monitoring.alerts.task_errors import error_parts
from recsys_tasks.retries import Patience, delays, patience_with

PARTS = {"expected": "a", "found": "b", "where": "c", "remedy": "d"}


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def error_of(do: Callable[[], object]) -> Exception:
    try:
        do()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def ask_a_closed_port() -> None:
    requests.get(f"http://127.0.0.1:{closed_port()}", timeout=5)


def ask_a_silent_server() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        requests.get(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2)


def ask_a_database_that_is_not_there() -> None:
    with create_engine(f"postgresql://u@127.0.0.1:{closed_port()}/shop").connect() as connection:
        connection.execute(sa.text("SELECT 1"))


def fill_memory() -> None:
    np.empty(1 << 55, np.int8)


def fill_duckdb() -> None:
    with duckdb.connect(config={"memory_limit": "1MB", "temp_directory": ""}) as connection:
        connection.execute("SELECT list(i) FROM range(10000000) t(i)").fetchall()


def cause_hidden_by_a_library() -> None:
    try:
        ask_a_closed_port()
    except requests.ConnectionError:
        raise ValueError("no answer")  # noqa: B904  as mlflow does


@pytest.mark.parametrize(
    "do",
    [
        ask_a_closed_port,
        ask_a_silent_server,
        ask_a_database_that_is_not_there,
        fill_memory,
        fill_duckdb,
        cause_hidden_by_a_library,
    ],
    ids=lambda do: do.__name__,
)
def test_the_outside_world_is_waited_for(do: Callable[[], object]) -> None:
    assert patience_with(error_of(do)) is Patience.LONG


def no_such_column() -> None:
    pa.table({"a": [1]}).column("b")


def no_parquet(path: Path) -> None:
    path.write_bytes(b"PAR1 not really PAR1")
    pq.read_table(path)


@pytest.mark.parametrize(
    "do",
    [
        no_such_column,
        lambda: int("nine"),
        lambda: [][0],
        lambda: Path("/nowhere/at all").read_bytes(),
        lambda: duckdb.sql("SELECT nothing FROM nowhere"),
        lambda: subprocess.run(["false"], check=True),
    ],
)
def test_a_mistake_in_data_or_code_is_told_at_once(do: Callable[[], object]) -> None:
    assert patience_with(error_of(do)) is Patience.NONE


def test_a_file_that_is_none_is_told_at_once(tmp_path: Path) -> None:
    assert patience_with(error_of(lambda: no_parquet(tmp_path / "a.parquet"))) is not Patience.LONG


def test_a_full_disk_is_told_at_once() -> None:
    def fill() -> None:
        with Path("/dev/full").open("wb", buffering=0) as full:
            full.write(b"x")

    error = error_of(fill)
    assert patience_with(error) is Patience.NONE
    told = error_parts(error)
    assert (told["error"], told["found"]) == ("Unwritable", "No space left on device")
    gone = OSError(errno.EROFS, "Read-only file system", "/home/shop/lake/x.npy")
    assert error_parts(gone)["where"] == "/home/shop/lake/x.npy"


def test_the_lakes_own_word_for_a_full_disk_waits_for_nobody() -> None:
    full = disk_full_error(OSError(errno.ENOSPC, "No space left on device"), UPath("/lake/a"))
    assert patience_with(full) is Patience.NONE


@pytest.mark.parametrize(
    ("error", "patience"),
    [
        (TransientError(**PARTS), Patience.LONG),
        (ConfigError(**PARTS), Patience.NONE),
        (DataError(**PARTS), Patience.NONE),
        (OSError(errno.EROFS, "Read-only file system"), Patience.NONE),
        (OSError("AWS Error NETWORK_CONNECTION during GetObject"), Patience.SHORT),
    ],
)
def test_errors_that_say_it_themselves(error: Exception, patience: Patience) -> None:
    assert patience_with(error) is patience


def test_a_mistake_that_the_outside_world_caused_is_the_pipelines_word() -> None:
    def refuse() -> None:
        try:
            ask_a_closed_port()
        except requests.ConnectionError as error:
            raise ConfigError(**PARTS) from error

    assert patience_with(error_of(refuse)) is Patience.NONE


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_answer_of_too_busy_is_waited_for(status: int) -> None:
    answer = requests.Response()
    answer.status_code = status
    assert patience_with(error_of(answer.raise_for_status)) is Patience.LONG


def test_an_answer_of_not_allowed_is_told_at_once() -> None:
    answer = requests.Response()
    answer.status_code = 403
    assert patience_with(error_of(answer.raise_for_status)) is Patience.NONE


def test_waits_double_up_to_the_longest_and_last_as_long_as_asked() -> None:
    waits = delays(30, 900, 60)
    assert waits[:6] == [30, 60, 120, 240, 480, 900]
    assert sum(waits) >= 3600 > sum(waits[:-1])
