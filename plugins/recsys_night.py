"""The tab `Night` of each run and task in Airflow's UI: how its night went, its alerts, and the way
to its report, its Data Docs and the runbooks, which are pages here, too.

Its routes belong to the app of `recsys_report`, which asks for each visitor's login.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from secrets import token_urlsafe
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.responses import HTMLResponse

HEADERS = {
    # The page holds the shop's own texts: it may style itself and nothing else, whatever a title
    # says.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_BAR = "max-width:1180px;margin:0 auto;padding:8px 20px;font:13px system-ui,sans-serif"


def add_routes(app: FastAPI) -> None:
    """Put the tab's routes into the app."""
    from fastapi.responses import HTMLResponse

    def page_of(text: str | None, without: str, tonight: str) -> HTMLResponse:
        code = 200 if text else 404
        return HTMLResponse(text or message_html(without, "", tonight), code, HEADERS)

    @app.get("/run")
    def of_run(dag: str, run: str, task: str = ""):  # type: ignore[no-untyped-def]
        return scripted(lambda nonce: run_html(dag, run, task, nonce))

    @app.get("/runbook/{name}")
    def runbook(name: str):  # type: ignore[no-untyped-def]
        return page_of(runbook_html(name), f"No runbook {name}", "../tonight")

    @app.get("/data-docs/{night}/{name}")
    @app.get("/data-docs/{night}/")
    def docs(night: date, name: str = "index.html"):  # type: ignore[no-untyped-def]
        return page_of(docs_html(night, name), f"No Data Docs of {night}", "../../tonight")


def scripted(make: Callable[[str], str]) -> HTMLResponse:
    """The answer with a page that has a script: `make` gets the name by which it alone may run."""
    from fastapi.responses import HTMLResponse

    nonce = token_urlsafe(16)
    policy = HEADERS["Content-Security-Policy"]
    policy += f"; script-src 'nonce-{nonce}'; form-action 'self'"
    return HTMLResponse(make(nonce), 200, {**HEADERS, "Content-Security-Policy": policy})


def below(bar: str, page: str) -> str:
    """A page with a line of links above it."""
    return page.replace("<body>", f'<body><div style="{_BAR}">{bar}</div>', 1)


def message_html(words: str, told: str, tonight: str) -> str:
    """A page that says one thing; `tonight`: where the live page is from here."""
    from recsys_tasks.monitoring.run_report.blocks import Page
    from recsys_tasks.monitoring.run_report.page import render

    page = render(Page("Nightshelf", told, words, "plain", (), ()))
    return below(f'<a href="{tonight}">Tonight</a>', page)


def run_html(dag: str, run: str, task: str, nonce: str) -> str:
    """The page of the night that a run is for."""
    from airflow.sdk.timezone import utcnow

    from recsys_tasks.commands.tonight import tab
    from recsys_tasks.config import read_environment

    night = night_of_run(dag, run)
    if night is None:
        told = "Runs of DAGs that know no night have none, and those that were deleted."
        return message_html("This run is of no night", told, "tonight")
    return tab(read_environment(), night, task, utcnow(), nonce)


def night_of_run(dag: str, run: str) -> date | None:
    """The night of a run, by its partition key or what it was triggered with."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    asked = select(DagRun.partition_key, DagRun.conf).where(
        DagRun.dag_id == dag, DagRun.run_id == run
    )
    with create_session() as session:
        found = session.execute(asked).first()
    if found is None:
        return None
    given = found.partition_key or (found.conf or {}).get("as_of") or ""
    try:
        return date.fromisoformat(str(given).strip())
    except ValueError:
        return None


def runbook_html(name: str) -> str | None:
    """A runbook as a page; None where there is none."""
    from recsys_tasks.commands.tonight import runbook
    from recsys_tasks.config import read_environment

    found = runbook(read_environment(), name)
    return found and below('<a href="../tonight">Tonight</a>', found)


def docs_html(night: date, name: str) -> str | None:
    """A page of a night's Data Docs; None where there is none."""
    from recsys_tasks.commands.tonight import data_docs
    from recsys_tasks.config import read_environment

    return data_docs(read_environment(), night, name)
