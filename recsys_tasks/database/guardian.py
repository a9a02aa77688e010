"""A small process beside the embedded server: stops it once no process uses it, however the last
one ended.

Run as a file, with the lock file and the data folder: it waits for the lock that every user shares.
The kernel gives a killed user's lock back, so a kill that no process can answer does not leave the
server behind.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import psutil

STOP_SECONDS = 60


def main(lock: str, data: str) -> None:
    """Wait until nobody uses the server of `data`, then stop it; whoever comes meanwhile waits for
    that.
    """
    with open(lock, "rb") as handle:  # noqa: PTH123  # nothing but the lock is wanted
        fcntl.flock(handle, fcntl.LOCK_EX)
        server = postmaster(Path(data))
        if server is not None:
            with suppress(psutil.Error):
                server.send_signal(
                    signal.SIGINT
                )  # fast: sessions are ended, what was committed is kept
                server.wait(STOP_SECONDS)


def postmaster(data: Path) -> psutil.Process | None:
    """The server that the data folder's pid file names, if that process lives and is a
    PostgreSQL.
    """
    try:
        process = psutil.Process(int((data / "postmaster.pid").read_text().split()[0]))
        alive = process.name().startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, IndexError, ValueError, psutil.Error):
        return None
    return process if alive else None


if __name__ == "__main__":
    os.chdir("/")  # no folder is kept busy
    main(*sys.argv[1:])
