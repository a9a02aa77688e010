"""A channel's other end: a server on 127.0.0.1 that records every message, and answers as a test
wants.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Message = tuple[str, str | None, dict[str, Any]]
"""Path, Authorization header and JSON body."""


class Recorder:
    """`answers` holds the status codes of the next requests, 200 after them; each answer takes
    `seconds`. `taken` are the bodies that it did not refuse.
    """

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.received: list[Message] = []
        self.taken: list[dict[str, Any]] = []
        self.answers: list[int] = []
        self.seconds = 0.0
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                recorder.received.append((self.path, self.headers.get("Authorization"), body))
                time.sleep(recorder.seconds)
                answer = recorder.answers.pop(0) if recorder.answers else 200
                if answer < 300:
                    recorder.taken.append(body)
                self.send_response(answer)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *arguments: object) -> None:
                pass

            def handle(self) -> None:
                with suppress(
                    BrokenPipeError, ConnectionResetError
                ):  # the sender did not wait for the answer
                    super().handle()

        self._server = ThreadingHTTPServer((address, 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def base(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def as_webhook(self) -> str:
        """The connection of a JSON webhook, for AIRFLOW_CONN_ALERT_WEBHOOK."""
        return json.dumps({"conn_type": "http", "host": f"{self.base}/hook", "password": "token"})

    @property
    def as_slack(self) -> str:
        """The connection of a Slack incoming webhook, for AIRFLOW_CONN_SLACK_ALERTS."""
        return json.dumps({"conn_type": "slackwebhook", "host": self.base, "password": "T/B/X"})

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [body for _, _, body in self.received]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
