"""For monitors of the shop's own: what readers see, and Prometheus' page, served by Airflow.

`/recsys/health` needs no login, as a load balancer or a status page has none: it says well, warning
or critical, and nothing else, and asks the database at most once in ten seconds. `/recsys/metrics`
has the business's figures and asks for Airflow's login. Every Airflow process loads this file:
FastAPI is imported when the API server asks for the app, the database's drivers inside a request.
"""

from __future__ import annotations

import threading
import time
from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk.timezone import utcnow

from recsys_tasks.config import read_environment

PREFIX = "/recsys"
KEPT_SECONDS = 10.0
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class _Health:
    """The last answer, for those who ask again soon: anyone may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked, self._code, self._state = float("-inf"), 0, ""

    def look(self) -> tuple[int, str]:
        """The probe's code and its word."""
        from recsys_tasks.commands.look_from_outside import bounds_of, look_from_outside

        with self._lock:
            if time.monotonic() - self._asked >= KEPT_SECONDS:
                environment = read_environment()
                bounds = bounds_of(environment, {}, None, None)
                found = look_from_outside(environment, utcnow(), bounds)
                self._code, self._state = found.code, found.state
                self._asked = time.monotonic()
            return self._code, self._state


def outlook_app() -> Any:
    """The app that the API server mounts."""
    from airflow.api_fastapi.core_api.security import (
        get_user,
    )  # internal to Airflow: a test watches it
    from fastapi import Depends, FastAPI
    from fastapi.responses import JSONResponse, PlainTextResponse

    app, health = FastAPI(openapi_url=None, docs_url=None, redoc_url=None), _Health()

    # No return annotations: FastAPI resolves them in this module, which does not import its
    # classes. Plain functions: they wait for the database in threads of their own.
    @app.get("/health")
    def look():  # type: ignore[no-untyped-def]
        code, state = health.look()
        return JSONResponse({"status": state.lower()}, 503 if code == 2 else 200, _HEADERS)

    @app.get("/metrics", dependencies=[Depends(get_user)])
    def metrics():  # type: ignore[no-untyped-def]
        from prometheus_client import CONTENT_TYPE_LATEST

        from recsys_tasks.commands.look_from_outside import metrics_page

        page, _ = metrics_page(read_environment(), utcnow())
        return PlainTextResponse(page, 200, {**_HEADERS, "Content-Type": CONTENT_TYPE_LATEST})

    return app


class OutlookPlugin(AirflowPlugin):
    """Mounts the app."""

    name = "nightshelf_outlook"

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Made when the API server asks."""
        return [{"app": outlook_app(), "url_prefix": PREFIX, "name": "Readers' health"}]
