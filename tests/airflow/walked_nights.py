"""A shop's pages at every step of what can happen to a night: a look after each.

Two nights are there; the third is under way, refused for a damaged batch while an earlier night's
lists are shown, corrected under the hold, shown when the hold ends, and taken back.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
import uvicorn
from airflow.api_fastapi.core_api.security import get_user
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from recsys_report import report_app
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.sources.shop.source import Shop
from recsys_tasks.stages import Night, run_on
from tests.stages.finished_nights import finished_both_nights, running_copy, shop_of
from tests.stages.shop_nights import SECOND_NIGHT, running_shop

THIRD_NIGHT = date(2026, 2, 18)
BASE = "/base"
# What Airflow 3.3 lets a plugin's page do inside of its own.
_FRAME = '<iframe title="plugin" style="width:100%;height:95vh" src="nightshelf/{}" sandbox="{}">'
_ALLOWED = "allow-scripts allow-same-origin allow-forms allow-downloads"


@dataclass(frozen=True)
class Walk:
    """A shop on a running server, and its third night."""

    night: Night
    shop: Shop
    environment: dict[str, str]

    def ask(self, *words: str, code: int = 0) -> str:
        """What a command prints."""
        result = CliRunner().invoke(app, list(words), env=self.environment)
        assert result.exit_code == code, result.output
        return result.stdout

    def status(self) -> dict[str, Any]:
        """`recsys status --json`."""
        (found,) = json.loads(self.ask("status", "--json"))
        return dict(found)


@contextmanager
def walked(factory: pytest.TempPathFactory) -> Iterator[tuple[Walk, dict[str, Callable[[], None]]]]:
    """The shop, and what brings it from each state to the next, in their order."""
    finished = finished_both_nights(factory)
    with running_copy(finished.folder, factory.mktemp("walked")) as (config, _, second):
        walk = _walk(config, second)
        yield walk, _steps(walk)


@contextmanager
def without_a_night(factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """A shop that was set up and has not run."""
    with running_shop(factory.mktemp("fresh")) as (config, first, _):
        yield _walk(config, first)


def _walk(config: Any, of: Night) -> Walk:
    home = of.environment.home
    settings = home.parent / "recsys.yaml"
    environment = of.environment.model_copy(update={"config_path": settings})
    names = {"RECSYS_HOME": str(home), "RECSYS_CONFIG": str(settings)}
    return Walk(Night.open(config, environment, THIRD_NIGHT), shop_of(config, home), names)


def _steps(walk: Walk) -> dict[str, Callable[[], None]]:
    def begin() -> None:
        walk.shop.write_bad_batch(SECOND_NIGHT)
        run_on(walk.night, "extract")

    def correct() -> None:
        walk.shop.write_corrected_batch(SECOND_NIGHT)
        walk.ask("run", "--as-of", f"{THIRD_NIGHT}")

    return {
        "published": lambda: None,
        "running": begin,
        "failed": lambda: _refused(walk),
        "rolled back": lambda: _say(walk, "rollback", "--why", "odd <b>lists</b>"),
        "held": correct,
        "resumed": lambda: _say(walk, "resume"),
        "rolled back again": lambda: _say(walk, "rollback", "--why", "odd prices"),
    }


def _refused(walk: Walk) -> None:
    walk.ask("run", "--as-of", f"{THIRD_NIGHT}", code=1)


def _say(walk: Walk, *words: str) -> None:
    walk.ask(*words, "--who", "ann")


@contextmanager
def served(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The plugin's app as Airflow mounts it, below a base path; yields the address of that path.

    `frame/PAGE` shows a page as Airflow's UI does.
    """
    for name, value in walk.environment.items():
        monkeypatch.setenv(name, value)
    pages = report_app()
    pages.dependency_overrides[get_user] = lambda: "somebody"
    outer = FastAPI()
    outer.mount(f"{BASE}/nightshelf", pages)

    def frame(page: str) -> HTMLResponse:
        head = '<!doctype html><html lang="en"><title>Airflow</title><base href="/base/">'
        head += '<link rel="icon" href="data:,">'
        return HTMLResponse(head + _FRAME.format(page, _ALLOWED) + "</iframe>")

    outer.add_api_route(BASE + "/frame/{page:path}", frame, response_class=HTMLResponse)
    settings = uvicorn.Config(outer, host="127.0.0.1", port=0, log_level="warning")
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}{BASE}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)
