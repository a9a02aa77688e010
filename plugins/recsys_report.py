"""The live page and the nights' run reports in Airflow's UI, behind Airflow's own login: two
entries of its navigation, and the tab of each run and task (`recsys_night`).

A plugin's routes are anonymous unless they ask for
a user, and these pages name users, so every route here does. Every Airflow process loads this file:
FastAPI is imported when the API server asks for the app, the lake and the database inside a
request. Links are relative, so that they hold below any base path.
"""

from __future__ import annotations

from datetime import date
from functools import cached_property
from html import escape
from typing import Any

from airflow.plugins_manager import AirflowPlugin
from recsys_night import HEADERS, add_routes, below, message_html, scripted

PREFIX = "/nightshelf"
_NIGHTS_SHOWN = 30


def report_app() -> Any:
    """The app that the API server mounts."""
    from airflow.api_fastapi.core_api.security import (
        get_user,
    )  # internal to Airflow: a test watches it
    from fastapi import Depends, FastAPI, Form
    from fastapi.responses import HTMLResponse

    app = FastAPI(dependencies=[Depends(get_user)], openapi_url=None, docs_url=None, redoc_url=None)

    def answer(night: str | None) -> HTMLResponse:
        text = report_html(night)
        # that there is none yet is an answer, a night that never ran is no page
        code = 200 if text or night is None else 404
        return HTMLResponse(text or no_report_html(night), code, HEADERS)

    def look(user: str, item: str) -> HTMLResponse:
        return scripted(lambda nonce: live_html(user, item, nonce))

    # No return annotations: FastAPI resolves them in this module, which does not import its
    # classes.
    @app.get("/tonight")
    def live():  # type: ignore[no-untyped-def]
        return look("", "")

    # Ids of users come in the body: addresses stand in logs.
    @app.post("/tonight")
    def live_of(user: str = Form(""), item: str = Form("")):  # type: ignore[no-untyped-def]
        return look(user.strip(), item.strip())

    @app.get("/report")
    def newest():  # type: ignore[no-untyped-def]
        return answer(None)

    @app.get("/report/{night}")
    def of_night(night: date):  # type: ignore[no-untyped-def]
        return answer(night.isoformat())

    add_routes(app)
    return app


def live_html(user: str, item: str, nonce: str) -> str:
    """The live page, with what is asked of a user and an item; empty: nothing."""
    from airflow.sdk.timezone import utcnow

    from recsys_tasks.commands.tonight import tonight
    from recsys_tasks.config import read_environment
    from recsys_tasks.monitoring.tonight import Asked

    return tonight(read_environment(), Asked(user, item), utcnow(), nonce)


def report_html(night: str | None) -> str | None:
    """A night's page, the newest without a night, under a line of links to the others and one on
    what readers see now; None when there is none.
    """
    from recsys_tasks.commands.tonight import readers_now
    from recsys_tasks.config import read_environment
    from recsys_tasks.lake import Lake

    environment = read_environment()
    lake = Lake(environment.lake, cache=environment.home / "lake-cache")
    nights = lake.keys("report")[::-1]
    chosen = night or (nights[0] if nights else None)
    kept = lake.newest("report", chosen) if chosen else None
    if kept is None:
        return None
    page = kept.file("report.html").read_text()
    up = "" if night is None else "../"
    links = " · ".join(_link(other, up, other == chosen) for other in nights[:_NIGHTS_SHOWN])
    bar = f'<a href="{up}tonight">Tonight</a> · Nights: {links}'
    bar += f"<br>{escape(readers_now(environment, chosen or ''))}"
    return below(bar, page)


def no_report_html(night: str | None) -> str:
    """The page that says that there is no report."""
    words = "No report yet" if night is None else f"No report of {night}"
    told = "A night writes its report after its judge, or when a stage of it fails."
    return message_html(words, told, "../tonight" if night else "tonight")


def _link(night: str, up: str, is_shown: bool) -> str:
    return f"<b>{night}</b>" if is_shown else f'<a href="{up}report/{night}">{night}</a>'


class RunReportPlugin(AirflowPlugin):
    """Adds `Tonight` and `Run reports` to the navigation, `Night` to each run and task."""

    name = "nightshelf_run_reports"
    external_views = [  # noqa: RUF012  # Airflow's own declaration is a plain list
        {
            "name": "Tonight",
            "href": f"{PREFIX[1:]}/tonight",
            "destination": "nav",
            "url_route": "tonight",
        },
        {
            "name": "Run reports",
            "href": f"{PREFIX[1:]}/report",
            "destination": "nav",
            "url_route": "run-reports",
        },
        {
            "name": "Night",
            "href": f"{PREFIX[1:]}/run?dag={{DAG_ID}}&run={{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "night",
        },
        {
            "name": "Night",
            "href": f"{PREFIX[1:]}/run?dag={{DAG_ID}}&run={{RUN_ID}}&task={{TASK_ID}}",
            "destination": "task_instance",
            "url_route": "night-of-task",
        },
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Made when the API server asks."""
        return [{"app": report_app(), "url_prefix": PREFIX, "name": "Nightshelf"}]
