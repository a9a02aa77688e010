from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from recsys_tasks.launcher.processes import Fleet, MemoryMeter

# The child starts a grandchild, prints its pid, and ends: the grandchild is re-parented to init.
ORPHANS = (
    "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time;"
    " time.sleep(60)']);print(p.pid, flush=True); {end}"
)
BIG = "import time; x = bytearray(80_000_000); print('up', flush=True); time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True);"
    " time.sleep(60)"
)


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(dict(os.environ), tmp_path)


def text_of(fleet: Fleet, name: str) -> str:
    for _ in range(100):
        if tail := fleet.log_tail(name):
            return tail
        time.sleep(0.05)
    raise AssertionError("the child said nothing")


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("end", ["import time; time.sleep(60)", "sys.exit(0)"])
def test_stopping_ends_grandchildren_also_when_their_parent_is_gone(fleet: Fleet, end: str) -> None:
    fleet.start("parent", [sys.executable, "-c", ORPHANS.format(end=end)])
    grandchild = int(text_of(fleet, "parent"))
    assert not gone(grandchild)
    fleet.stop()
    assert gone(grandchild)
    assert fleet.members() == []


def test_what_ignores_term_is_killed(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_CHILD_SECONDS", "_REST_SECONDS"):
        monkeypatch.setattr(f"recsys_tasks.launcher.processes.{name}", 0.3)
    fleet.start("stubborn", [sys.executable, "-c", STUBBORN])
    assert text_of(fleet, "stubborn") == "up"
    (member,) = fleet.members()
    fleet.stop()
    assert gone(member.pid)


def test_a_failed_command_shows_the_end_of_its_log(fleet: Fleet) -> None:
    with pytest.raises(RuntimeError, match="migrate ended with code 3:\nno such table"):
        fleet.run(
            "migrate", [sys.executable, "-c", "import sys; print('no such table'); sys.exit(3)"]
        )


def test_a_child_that_ended_by_itself_is_named(fleet: Fleet) -> None:
    fleet.start("short", [sys.executable, "-c", "pass"])
    while not fleet.ended():
        time.sleep(0.02)
    assert fleet.ended() == {"short": 0}
    fleet.stop()


def test_memory_is_measured_under_the_current_label(fleet: Fleet) -> None:
    fleet.start(
        "big",
        [
            sys.executable,
            "-c",
            "x = bytearray(80_000_000); print('up', flush=True); import time; time.sleep(60)",
        ],
    )
    text_of(fleet, "big")
    meter = MemoryMeter(fleet, seconds=0.05)
    meter.label = "train"
    meter.start()
    while "train" not in meter.peaks:
        time.sleep(0.02)
    meter.stop()
    fleet.stop()
    assert meter.peak == meter.peaks["train"] > 80_000_000
