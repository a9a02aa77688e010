"""Long work in the embedded server runs behind its readers, and leaves no slow session behind."""

from __future__ import annotations

import os
from collections.abc import Mapping

import psutil
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from recsys_tasks.database import background_transaction, transaction
from recsys_tasks.database.priority import NICENESS


def backend(connection: Connection) -> int:
    return int(connection.scalar(sa.text("SELECT pg_backend_pid()")) or 0)


def test_a_background_session_yields_and_ends(writer: Engine) -> None:
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    with background_transaction(writer) as connection:
        first = backend(connection)
        assert os.getpriority(os.PRIO_PROCESS, first) == NICENESS > usual
        assert connection.scalar(sa.text("SHOW max_parallel_workers_per_gather")) == "0"
    with transaction(writer) as connection:
        assert backend(connection) != first
        assert os.getpriority(os.PRIO_PROCESS, backend(connection)) == usual


def test_it_commits_at_the_end_and_rolls_back_on_an_error(writer: Engine) -> None:
    insert = sa.text("INSERT INTO recsys.items VALUES (:key, :id, 't', 'c', '{}', true)")
    with background_transaction(writer) as connection:
        connection.execute(insert, {"key": 1, "id": "kept"})
    with pytest.raises(KeyError), background_transaction(writer) as connection:
        connection.execute(insert, {"key": 2, "id": "lost"})
        raise KeyError
    with transaction(writer) as connection:
        assert connection.scalars(sa.text("SELECT item_id FROM recsys.items")).all() == ["kept"]


def test_a_process_of_another_server_is_left_alone(
    writer: Engine, empty: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsys_tasks.database.priority.listener", lambda descriptor: 1)
    with background_transaction(writer) as connection:
        assert os.getpriority(os.PRIO_PROCESS, backend(connection)) == os.getpriority(
            os.PRIO_PROCESS, 0
        )


def test_a_background_session_leaves_the_real_time_class_of_its_server(writer: Engine) -> None:
    with transaction(writer) as connection:
        server = psutil.Process(backend(connection)).ppid()
    writer.dispose()  # so that the next sessions are new processes, of the server's class
    try:
        os.sched_setscheduler(server, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        pytest.skip("this system user may not put a process into the real-time class")
    try:
        with transaction(writer) as connection:
            assert os.sched_getscheduler(backend(connection)) == os.SCHED_FIFO
        with background_transaction(writer) as connection:
            assert os.sched_getscheduler(backend(connection)) == os.SCHED_OTHER
    finally:
        os.sched_setscheduler(server, os.SCHED_OTHER, os.sched_param(0))
        writer.dispose()


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root may bring a process back from the idle class"
)
def test_a_background_session_stays_in_the_idle_class_of_its_server(writer: Engine) -> None:
    with transaction(writer) as connection:
        server = psutil.Process(backend(connection)).ppid()
    writer.dispose()  # so that the next session is a new process, of the server's class
    os.sched_setscheduler(server, os.SCHED_IDLE, os.sched_param(0))
    try:
        with background_transaction(writer) as connection:
            assert os.sched_getscheduler(backend(connection)) == os.SCHED_IDLE
    finally:
        os.sched_setscheduler(server, os.SCHED_OTHER, os.sched_param(0))
        writer.dispose()
