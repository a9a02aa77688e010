"""Long work in the database behind its readers: where the server runs on this machine, the
session's process yields.

PostgreSQL has no priorities of its own; its sessions are processes, so the system's niceness orders
them.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

NICENESS = 10

# Workers are processes of the server's own making, which nothing here can hold back.
_ALONE = sa.text("""
SELECT set_config('max_parallel_workers_per_gather', '0', true),
       set_config('max_parallel_maintenance_workers', '0', true)
""")


@contextmanager
def background_transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction in one process, behind the readers: committed when the block ends, rolled
    back on any error.

    Of a server that is elsewhere or another system user's, only the one process holds.
    """
    with engine.connect() as connection:
        lowered = _lower(connection)
        try:
            with connection.begin():
                connection.execute(_ALONE)
                yield connection
        finally:
            if lowered and not connection.closed:
                connection.invalidate()  # only a privileged process could raise it again


def lower_session(process: int) -> None:
    """Let all processes of a session of this machine yield to other sessions, the database server's
    among them.

    Where the system groups processes by session (sched_autogroup, Linux), niceness orders them
    within one session only, and this alone orders the sessions. Elsewhere it does nothing.
    https://man7.org/linux/man-pages/man7/sched.7.html
    """
    with suppress(OSError):
        Path(f"/proc/{process}/autogroup").write_text(str(NICENESS))


def _lower(connection: Connection) -> bool:
    """Lower the priority of the session's process, if it is known to be one of this machine."""
    raw: Any = connection.connection.dbapi_connection
    try:
        backend = psutil.Process(int(raw.info.backend_pid))
        if backend.ppid() != listener(raw.pgconn.socket):
            return False
        _as_ordinary(backend.pid)
        os.setpriority(os.PRIO_PROCESS, backend.pid, NICENESS)
    except (OSError, psutil.Error):
        return False
    return True


def _as_ordinary(process: int) -> None:
    """Take a process out of the real-time class, which its server may have been put into for its
    readers' sake.

    Niceness means nothing there. https://man7.org/linux/man-pages/man7/sched.7.html
    """
    if not hasattr(os, "sched_setscheduler"):  # macOS
        return
    if os.sched_getscheduler(process) & ~os.SCHED_RESET_ON_FORK in (os.SCHED_FIFO, os.SCHED_RR):
        os.sched_setscheduler(process, os.SCHED_OTHER, os.sched_param(0))


def listener(descriptor: int) -> int:
    """The process that listens at the other end of a Unix socket: the server's first one. Raises
    OSError.

    A number that a server in another container reports may be some other process here; its parent
    is not this one.
    """
    with socket.socket(fileno=os.dup(descriptor)) as end:
        if end.family != socket.AF_UNIX:
            return 0
        process, _, _ = struct.unpack(
            "3i", end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        )
        return int(process)
