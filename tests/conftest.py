"""Shared fixtures: one embedded PostgreSQL for the whole test session."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from recsys_tasks.database import EmbeddedServer, migrate


def quick_server(home: Path) -> EmbeddedServer:
    """A server that waits for no disk: a crash of the machine loses only a test."""
    server = EmbeddedServer.start(home)
    with (server.home / "postgres" / "postgresql.conf").open("a") as settings:
        settings.write("fsync = off\nsynchronous_commit = off\n")
    os.kill(server.server.get_pid() or 0, signal.SIGHUP)
    return server


@pytest.fixture(scope="session")
def embedded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    server = quick_server(tmp_path_factory.mktemp("home"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres(embedded_server: EmbeddedServer) -> Mapping[str, str]:
    """URLs by role of a server whose schema is migrated: recsys (writer), recsys_owner,
    recsys_reader …
    """
    urls = embedded_server.urls()
    migrate(urls["recsys_owner"])
    return urls
