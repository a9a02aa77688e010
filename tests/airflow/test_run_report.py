"""The run report's routes in Airflow's API server: nothing without a login."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from airflow.api_fastapi.core_api.security import get_user
from fastapi import FastAPI
from recsys_report import RunReportPlugin
from starlette.testclient import TestClient

from recsys_tasks.lake import Lake
from recsys_tasks.monitoring.run_report import store

PATHS = ("/report", "/report/2026-03-10")


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path))
    monkeypatch.delenv("RECSYS_LAKE", raising=False)
    for day in (9, 10):
        night = date(2026, 3, day)
        store.keep(
            Lake(tmp_path / "lake"), night, {"project": "shop", "as_of": night.isoformat()}, {}, "e"
        )
    (mounted,) = RunReportPlugin().fastapi_apps
    assert mounted["url_prefix"] == "/nightshelf"
    found: FastAPI = mounted["app"]
    return found


def test_no_route_answers_without_a_login(app: FastAPI) -> None:
    client = TestClient(app)
    assert {client.get(path).status_code for path in PATHS} == {401}
    # Nor with a token that Airflow did not sign, and there is no further route that was forgotten
    # here.
    routes: list[Any] = app.routes
    assert [route.path for route in routes] == ["/report", "/report/{night}"]
    assert all(get_user in [d.call for d in route.dependant.dependencies] for route in routes)


def test_a_user_gets_the_newest_page_and_any_other(app: FastAPI) -> None:
    app.dependency_overrides[get_user] = lambda: "somebody"
    client = TestClient(app)
    newest, older = client.get("/report"), client.get("/report/2026-03-09")
    assert (
        "<h1>shop, night 2026-03-10</h1>" in newest.text
        and "<h1>shop, night 2026-03-09</h1>" in older.text
    )
    assert '<a href="/nightshelf/report/2026-03-09">' in newest.text
    assert "default-src 'none'" in newest.headers["content-security-policy"]
    assert client.get("/report/2020-01-01").status_code == 404
    assert client.get("/report/..%2F..%2Fetc").status_code in (404, 422)


def test_the_navigation_leads_there() -> None:
    (entry,) = RunReportPlugin.external_views
    assert entry["href"] == "nightshelf/report" and entry["destination"] == "nav"
