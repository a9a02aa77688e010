"""One embedded server for the tests of the registry: the tables it writes, and MLflow's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from recsys_tasks.database import create_engine, migrate
from recsys_tasks.registry.registry import Registry, prepare
from tests.quick_server import quick_server


@pytest.fixture(scope="session")
def release_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    server = quick_server(tmp_path_factory.mktemp("home"))
    urls = dict(server.urls())
    migrate(urls["recsys_owner"])
    prepare(urls["mlflow"])
    yield urls
    server.stop()


@pytest.fixture(scope="session")
def writer(release_server: dict[str, str]) -> Iterator[Engine]:
    engine = create_engine(release_server["recsys"])
    yield engine
    engine.dispose()


@pytest.fixture
def registry(
    release_server: dict[str, str], writer: Engine, request: pytest.FixtureRequest
) -> Registry:
    owner = create_engine(release_server["recsys_owner"])
    with owner.begin() as connection:
        for table in ("release_events", "gate_decision_rows"):
            connection.execute(text(f"ALTER TABLE recsys.{table} DISABLE TRIGGER append_only"))
            connection.execute(text(f"TRUNCATE recsys.{table}"))
            connection.execute(text(f"ALTER TABLE recsys.{table} ENABLE TRIGGER append_only"))
    owner.dispose()
    return Registry(
        release_server["mlflow"], writer, request.node.name.replace("[", "_").rstrip("]")
    )
