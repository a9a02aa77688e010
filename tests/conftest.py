"""Shared fixtures: one embedded PostgreSQL for the whole test session."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping

import pytest

from recsys_tasks.database import EmbeddedServer, migrate


@pytest.fixture(scope="session")
def embedded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer.start(tmp_path_factory.mktemp("home"))
    with (server.home / "postgres" / "postgresql.conf").open("a") as settings:
        settings.write("fsync = off\nsynchronous_commit = off\n")  # a crash of the machine loses only a test
    os.kill(server.server.get_pid() or 0, signal.SIGHUP)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres(embedded_server: EmbeddedServer) -> Mapping[str, str]:
    """URLs by role of a server whose schema is migrated: recsys (writer), recsys_owner, recsys_reader …"""
    urls = embedded_server.urls()
    migrate(urls["recsys_owner"])
    return urls
