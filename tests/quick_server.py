"""Embedded servers as fast as tests need them: a crash of the machine loses only a test."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from recsys_tasks.database import EmbeddedServer
from recsys_tasks.database.guardian import postmaster

_QUICK = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"


def quick_server(home: Path) -> EmbeddedServer:
    """A server that waits for no disk."""
    server = EmbeddedServer.start(home)
    wait_for_no_disk(server.home)
    return server


def wait_for_no_disk(home: Path) -> None:
    """Tell the server that runs under `home` so, and those that will run there."""
    settings = home / "postgres" / "postgresql.conf"
    if _QUICK not in settings.read_text():
        with settings.open("a") as file:
            file.write(_QUICK)
        running = postmaster(settings.parent)
        assert running is not None
        os.kill(running.pid, signal.SIGHUP)
