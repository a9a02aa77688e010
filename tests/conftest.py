"""Shared fixtures: one embedded PostgreSQL for the whole test session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from recsys_tasks.database import EmbeddedServer, migrate
from tests.quick_server import quick_server


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
