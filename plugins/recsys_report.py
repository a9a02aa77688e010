"""The nights' run reports in Airflow's UI: an entry of the navigation, behind Airflow's own login.

The one file that touches Airflow's API server. A plugin's routes are anonymous unless they ask for
a user, and a report names users, so every route here does. Every Airflow process loads this file:
FastAPI is imported when the API server asks for the app, the lake inside a request.
"""

from __future__ import annotations

from datetime import date
from functools import cached_property
from html import escape
from typing import Any

from airflow.plugins_manager import AirflowPlugin

PREFIX = "/nightshelf"
_NIGHTS_SHOWN = 30
_HEADERS = {
    # The page holds the shop's own texts: it may style itself and nothing else, whatever a title
    # says.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_BAR = "max-width:1180px;margin:0 auto;padding:8px 20px;font:13px system-ui,sans-serif"


def report_app() -> Any:
    """The app that the API server mounts."""
    from airflow.api_fastapi.core_api.security import (
        get_user,
    )  # internal to Airflow: a test watches it
    from fastapi import Depends, FastAPI
    from fastapi.responses import HTMLResponse

    app = FastAPI(dependencies=[Depends(get_user)], openapi_url=None, docs_url=None, redoc_url=None)

    def answer(night: str | None) -> HTMLResponse:
        text = report_html(night)
        words = (
            "No report yet: each night writes one after its judge, or when a stage fails."
            if night is None
            else f"No report of {night}."
        )
        return HTMLResponse(text or f"<p>{escape(words)}</p>", 200 if text else 404, _HEADERS)

    # No return annotations: FastAPI resolves them in this module, which does not import its
    # classes.
    @app.get("/report")
    def newest():  # type: ignore[no-untyped-def]
        return answer(None)

    @app.get("/report/{night}")
    def of_night(night: date):  # type: ignore[no-untyped-def]
        return answer(night.isoformat())

    return app


def report_html(night: str | None) -> str | None:
    """A night's page, the newest without a night, under a line of links to the others; None when
    there is none.
    """
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
    links = " · ".join(_link(other, other == chosen) for other in nights[:_NIGHTS_SHOWN])
    return page.replace("<body>", f'<body><div style="{_BAR}">Nights: {links}</div>', 1)


def _link(night: str, is_shown: bool) -> str:
    return f"<b>{night}</b>" if is_shown else f'<a href="{PREFIX}/report/{night}">{night}</a>'


class RunReportPlugin(AirflowPlugin):
    """Adds `Run reports` to the navigation."""

    name = "nightshelf_run_reports"
    external_views = [  # noqa: RUF012  # Airflow's own declaration is a plain list
        {
            "name": "Run reports",
            "href": f"{PREFIX[1:]}/report",
            "destination": "nav",
            "url_route": "run-reports",
        }
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Made when the API server asks."""
        return [{"app": report_app(), "url_prefix": PREFIX, "name": "Run reports"}]
