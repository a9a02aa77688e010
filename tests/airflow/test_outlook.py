"""Health and metrics in Airflow's API server: who may ask, and what is answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import recsys_outlook
from airflow.api_fastapi.core_api.security import get_user
from fastapi import FastAPI
from recsys_outlook import OutlookPlugin
from sqlalchemy.engine import Engine
from starlette.testclient import TestClient

from tests.serving.conftest import empty, writer
from tests.serving.nights import publish_night, set_hold, stock

__all__ = ["empty", "writer"]


@pytest.fixture
def client(empty: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("RECSYS_DATABASE_URL", empty["recsys_reader"])
    (mounted,) = OutlookPlugin().fastapi_apps
    assert mounted["url_prefix"] == "/recsys"
    with TestClient(mounted["app"]) as made:
        yield made


def test_health_needs_no_login_and_says_no_more_than_a_word(
    client: TestClient, writer: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recsys_outlook, "KEPT_SECONDS", 0.0)
    answer = client.get("/health")
    assert (answer.status_code, answer.json()) == (503, {"status": "critical"})
    stock(writer)
    publish_night(writer, 0)
    set_hold(writer, "kim", "prices")  # a night of long ago, and held: to be looked at
    answer = client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "warning"})
    monkeypatch.setenv(
        "RECSYS_DATABASE_URL", "postgresql://recsys_reader:hunter2@127.0.0.1:1/recsys"
    )
    answer = client.get("/health")
    assert (answer.status_code, answer.json()) == (503, {"status": "critical"})


def test_who_asks_again_and_again_asks_the_database_once(
    client: TestClient, writer: Engine
) -> None:
    assert client.get("/health").status_code == 503
    stock(writer)
    publish_night(writer, 0)
    set_hold(writer, "kim", "prices")
    assert client.get("/health").status_code == 503


def test_metrics_need_a_login_and_there_is_no_further_route(client: TestClient) -> None:
    assert client.get("/metrics").status_code == 401
    app = client.app
    assert isinstance(app, FastAPI)
    routes: list[Any] = app.routes
    assert [route.path for route in routes] == ["/health", "/metrics"]
    app.dependency_overrides[get_user] = lambda: "somebody"
    answer = client.get("/metrics")
    assert answer.status_code == 200 and "nightshelf_up 1.0" in answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
