"""The run report's routes in Airflow's API server: nothing without a login."""

from __future__ import annotations

import re
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

PATHS = ("/tonight", "/report", "/report/2026-03-10")


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
    assert client.post("/tonight", data={"user": "u1"}).status_code == 401
    # Nor with a token that Airflow did not sign, and there is no further route that was forgotten
    # here.
    routes: list[Any] = app.routes
    assert [route.path for route in routes] == [
        "/tonight",
        "/tonight",
        "/report",
        "/report/{night}",
    ]
    assert all(get_user in [d.call for d in route.dependant.dependencies] for route in routes)


def test_a_user_gets_the_newest_page_and_any_other(app: FastAPI) -> None:
    app.dependency_overrides[get_user] = lambda: "somebody"
    client = TestClient(app)
    newest, older = client.get("/report"), client.get("/report/2026-03-09")
    assert (
        "<h1>shop, night 2026-03-10</h1>" in newest.text
        and "<h1>shop, night 2026-03-09</h1>" in older.text
    )
    # Relative, so that they hold below any base path.
    assert '<a href="report/2026-03-09">' in newest.text
    assert '<a href="../report/2026-03-10">' in older.text
    assert "default-src 'none'" in newest.headers["content-security-policy"]
    assert client.get("/report/2020-01-01").status_code == 404
    assert client.get("/report/..%2F..%2Fetc").status_code in (404, 422)


def test_the_navigation_leads_there() -> None:
    live, reports = RunReportPlugin.external_views
    assert live["href"] == "nightshelf/tonight" and reports["href"] == "nightshelf/report"
    assert {live["destination"], reports["destination"]} == {"nav"}


def test_the_live_page_answers_without_a_database_and_runs_no_script_but_its_own(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSYS_READER_URL", "postgresql+psycopg2://nobody@/recsys?host=/nowhere")
    app.dependency_overrides[get_user] = lambda: "somebody"
    client = TestClient(app)
    looked, asked = client.get("/tonight"), client.post("/tonight", data={"user": "<b>u1"})
    assert looked.status_code == asked.status_code == 200
    assert "The database does not answer." in looked.text and 'value="&lt;b&gt;u1"' in asked.text
    nonces = [
        re.findall(r"'nonce-([^']+)'", answer.headers["content-security-policy"])
        for answer in (looked, asked)
    ]
    assert nonces[0] != nonces[1]
    assert re.findall(r"<script([^>]*)>", looked.text) == [f' nonce="{nonces[0][0]}"']
