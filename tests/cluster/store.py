"""A server that answers as S3 does, and fails for a while when it is told to."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

FAULTS = "/-/faults"
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Failing:
    """A WSGI application before another one. `POST /-/faults?503,60`: this status for so many
    seconds.
    """

    def __init__(self, behind: Application) -> None:
        self._behind, self._status, self._until = behind, "", 0.0
        self.refused = 0

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == FAULTS:
            if environ["QUERY_STRING"]:
                self._status, _, seconds = environ["QUERY_STRING"].partition(",")
                self._until = time.monotonic() + float(seconds)
            start("200 OK", [("Content-Type", "text/plain")])
            return [str(self.refused).encode()]
        if time.monotonic() < self._until:
            self.refused += 1
            start(f"{self._status} told to", [("Content-Length", "0")])
            return [b""]
        return self._behind(environ, start)


if __name__ == "__main__":
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import run_simple

    server = Failing(DomainDispatcherApplication(create_backend_app))
    run_simple("0.0.0.0", int(sys.argv[1]), server, threaded=True)
