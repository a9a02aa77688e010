"""An empty serving schema for each test, and engines of its roles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from sqlalchemy.engine import Engine

from recsys_tasks.database import create_engine, downgrade, migrate


@pytest.fixture
def empty(postgres: Mapping[str, str]) -> Mapping[str, str]:
    downgrade(postgres["recsys_owner"])
    migrate(postgres["recsys_owner"])
    return postgres


@pytest.fixture
def writer(empty: Mapping[str, str]) -> Iterator[Engine]:
    engine = create_engine(empty["recsys"])
    yield engine
    engine.dispose()


@pytest.fixture
def reader(empty: Mapping[str, str]) -> Iterator[Engine]:
    engine = create_engine(empty["recsys_reader"])
    yield engine
    engine.dispose()
