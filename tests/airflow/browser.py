"""A headless Chromium, driven by its own DevTools protocol, and axe-core where somebody has put it.

Neither is fetched here: `apt-get install chromium`, `make axe`.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.airflow.conftest import ROOT

NAMES = ("chromium", "chromium-browser", "google-chrome")
AXE = ROOT / ".axe" / "node_modules" / "axe-core" / "axe.min.js"
_PATIENCE = 120
"""Seconds for one answer of the browser, on a machine that does much else."""
_SERIOUS = ("serious", "critical")
# A chart is one image with a name; what it is drawn of, thousands of elements, is nobody's to hear.
_CHECK = "axe.run({exclude: [['svg *']]}, {resultTypes: ['violations']}).then(r => r.violations)"
_ADDRESS = re.compile(r"DevTools listening on (ws://\S+)")


def program() -> str | None:
    """Where Chromium is; None: nowhere."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@dataclass(frozen=True)
class Look:
    """How a page is looked at."""

    width: int
    dark: bool

    @property
    def name(self) -> str:
        return f"{self.width}-{'dark' if self.dark else 'light'}"


LOOKS = (Look(1280, False), Look(1280, True), Look(390, False), Look(390, True))


class Tab:
    """One page of a browser."""

    def __init__(self, socket: ClientConnection, session: str) -> None:
        self._socket, self._session = socket, session
        self._numbers = itertools.count(1)
        self._events: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **of: Any) -> dict[str, Any]:
        """Ask, and wait for the answer; what the page tells meanwhile is kept."""
        number = next(self._numbers)
        asked = {"id": number, "sessionId": self._session, "method": method, "params": of}
        self._socket.send(json.dumps(asked))
        while (told := json.loads(self._socket.recv(timeout=_PATIENCE))).get("id") != number:
            self._events.append(told)
        assert "error" not in told, f"{method}: {told['error']}"
        found: dict[str, Any] = told["result"]
        return found

    def open(self, url: str, look: Look) -> None:
        """Load a page anew, in that width and scheme."""
        height = 900 if look.width > 600 else 844
        scheme = {"name": "prefers-color-scheme", "value": "dark" if look.dark else "light"}
        metrics = {"width": look.width, "height": height, "deviceScaleFactor": 1}
        self.send("Emulation.setDeviceMetricsOverride", mobile=look.width < 600, **metrics)
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self._events.clear()
        self.send("Page.navigate", url=url)
        self.until_loaded()

    def until_loaded(self) -> None:
        """Until the page that is on its way is there."""
        while not any(event.get("method") == "Page.loadEventFired" for event in self._events):
            self._events.append(json.loads(self._socket.recv(timeout=_PATIENCE)))

    def forget(self) -> None:
        """What the page told until now is of no interest any more."""
        self._events.clear()

    def run(self, script: str) -> Any:
        """What an expression comes to; a promise is waited for."""
        found = self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    @property
    def complaints(self) -> list[str]:
        """Errors of the console since the page was opened, also of what was refused to load."""
        self.run("1")  # what was told before this answer is there
        found = []
        for event in self._events:
            of = event.get("params", {})
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(str(of["exceptionDetails"]))
            elif event.get("method") == "Log.entryAdded" and of["entry"]["level"] == "error":
                found.append(f"{of['entry']['text']} {of['entry'].get('url', '')}")
            elif event.get("method") == "Runtime.consoleAPICalled" and of["type"] == "error":
                found.append(str(of["args"]))
        return found

    @property
    def cut_off(self) -> int:
        """Pixels by which the page is wider than its window."""
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.run(wide))

    def barriers(self) -> list[str]:
        """What axe calls serious or critical: rule, what it is, and the first element."""
        self.run(AXE.read_text() + ";1")
        found = self.run(_CHECK)
        return [
            f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}"
            for one in found
            if one["impact"] in _SERIOUS
        ]

    def picture(self, path: Path) -> None:
        """The whole page as PNG."""
        data = self.send("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))


@contextmanager
def browsing(folder: Path) -> Iterator[Tab]:
    """A page of a browser whose profile is that folder."""
    found = program()
    assert found is not None
    # root may not run its sandbox; the pages are our own
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    flags += ["--no-first-run", "--disable-background-networking", "--remote-debugging-port=0"]
    process = subprocess.Popen(
        [found, *flags, f"--user-data-dir={folder}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=(folder / "said.txt").open("wb"),
        env={**os.environ, "HOME": str(folder)},
    )
    try:
        with connect(_address(folder / "said.txt"), max_size=None) as socket:
            yield Tab(socket, _session(socket))
    finally:
        process.terminate()
        process.wait(timeout=20)


def _address(said: Path) -> str:
    deadline = time.monotonic() + 30
    while not (found := _ADDRESS.search(said.read_text())):
        assert time.monotonic() < deadline, said.read_text()
        time.sleep(0.05)
    return found[1]


def _session(socket: ClientConnection) -> str:
    """A new tab's."""

    def ask(number: int, method: str, **of: Any) -> Any:
        socket.send(json.dumps({"id": number, "method": method, "params": of}))
        while (told := json.loads(socket.recv(timeout=_PATIENCE))).get("id") != number:
            pass
        return told["result"]

    target = ask(1, "Target.createTarget", url="about:blank")["targetId"]
    found = ask(2, "Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    return str(found)
