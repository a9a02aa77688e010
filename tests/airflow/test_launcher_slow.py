"""The launcher with real Airflow processes: minutes, so only `make test-slow` runs these."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

from tests.airflow.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.airflow]


def start(*arguments: str, home: Path) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "RECSYS"))}
    environment |= {"RECSYS_HOME": str(home), "COLUMNS": "200"}
    command = [sys.executable, "-m", "recsys_tasks.launcher", *arguments]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=heed_interrupts,
    )


def heed_interrupts() -> None:
    """As at a terminal: what a shell starts in the background ignores Ctrl-C, and so would this."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def processes_of(home: Path) -> list[int]:
    """Everything on this machine that names the home in its command line."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if str(home) in " ".join(process.info["cmdline"] or []):
            found.append(process.pid)
    return found


@pytest.mark.timeout(1800)
def test_the_demo_runs_three_nights_refuses_the_broken_one_and_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    home = tmp_path / "demo"
    said = start("demo", "--home", str(home), home=home).communicate()[0]
    assert "Night 3 is published and measured" in said, said
    assert re.search(
        r"Refused, and on-call has one alert; readers keep the lists of \d{4}-\d\d-\d\d", said
    )
    assert "validate_data failed for" in said
    assert processes_of(home) == []


@pytest.mark.timeout(400)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything(tmp_path: Path, number: signal.Signals) -> None:
    child = start("airflow", "--port", "8099", home=tmp_path)
    family = psutil.Process(child.pid)
    base = None
    assert child.stdout is not None
    for line in child.stdout:
        if found := re.search(r"UI: (http://127\.0\.0\.1:\d+)", line):
            base = found[1]
            break
    assert base and httpx.get(base, trust_env=False, follow_redirects=True).status_code == 200
    members = family.children(recursive=True)
    assert len(members) >= 3
    child.send_signal(number)
    assert child.wait(timeout=60) == 0
    time.sleep(0.5)
    assert [p.pid for p in members if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
    assert processes_of(tmp_path) == []
