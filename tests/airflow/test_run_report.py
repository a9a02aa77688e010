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

PATHS = (
    *("/tonight", "/report", "/report/2026-03-10", "/run?dag=validate_data&run=x"),
    *("/runbook/data-check-failed.md", "/data-docs/2026-03-10/", "/data-docs/2026-03-10/x.html"),
)


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
        "/run",
        "/runbook/{name}",
        "/data-docs/{night}/",
        "/data-docs/{night}/{name}",
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
    live, reports, *tabs = RunReportPlugin.external_views
    assert live["href"] == "nightshelf/tonight" and reports["href"] == "nightshelf/report"
    assert {live["destination"], reports["destination"]} == {"nav"}
    assert [tab["destination"] for tab in tabs] == ["dag_run", "task_instance"]
    # Airflow puts in what stands in braces: of another spelling it would stay.
    names = [re.findall(r"\{(\w+)\}", tab["href"]) for tab in tabs]
    assert names == [["DAG_ID", "RUN_ID"], ["DAG_ID", "RUN_ID", "TASK_ID"]]


def test_what_is_not_there_is_a_page_that_says_so_and_leads_back(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    app.dependency_overrides[get_user] = lambda: "somebody"
    client = TestClient(app)
    for path, back in (
        ("/report/2020-01-01", "../tonight"),
        ("/runbook/none.md", "../tonight"),
        ("/data-docs/2026-03-10/", "../../tonight"),
    ):
        told = client.get(path)
        assert told.status_code == 404 and f'<a href="{back}">' in told.text, path
        assert '<html lang="en">' in told.text and "<title>" in told.text
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path / "new"))
    none = client.get("/report")
    assert none.status_code == 200 and "No report yet" in none.text


def test_a_runbook_is_a_page_and_no_other_file_is(app: FastAPI) -> None:
    app.dependency_overrides[get_user] = lambda: "somebody"
    client = TestClient(app)
    page = client.get("/runbook/data-check-failed.md").text
    assert "<h1>A data check failed</h1>" in page and "<td>set it, if all plain numbers" in page
    for name in ("..%2Frecsys.yaml", "..%2F..%2FREADME.md", "settings.yaml", "%2Fetc%2Fpasswd"):
        assert client.get(f"/runbook/{name}").status_code == 404, name


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
