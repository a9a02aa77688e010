"""Faults for the launcher's processes, found by Python itself where this folder is on PYTHONPATH.

`RECSYS_HOME/plant.txt` says what `freeze` does: `raise` an error nobody foresaw, with the words
that follow, or `hang` until it is killed. A file `RECSYS_HOME/plants/<stage>` says the same to
another stage, for one try, and there also `wait` (until a file `<stage>.go` is there), `outside` (a
connection that breaks) and `stuck` (each try hangs, until the file is removed). A process
that starts where `RECSYS_HOME/clock.txt` is there is as many seconds off as that says.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any


def _freeze(module: Any) -> None:
    real = module.run

    def run(night: Any) -> Any:
        place = Path(os.environ["RECSYS_HOME"]) / "plant.txt"
        plant = place.read_text().strip() if place.exists() else ""
        if plant.startswith("raise"):
            raise ValueError(f"an error that nobody foresaw{plant[5:]}")
        if plant == "hang":
            place.with_name("hangs.txt").write_text(str(os.getpid()))
            time.sleep(600)
        return real(night)

    module.run = run


def _sleep(go: Path) -> None:
    """Until the file is there, ten minutes at most."""
    for _ in range(6000):
        if go.exists():
            go.unlink()
            return
        time.sleep(0.1)


def _stage(module: Any) -> None:
    real, name = module.run, module.__name__.rpartition(".")[2]

    def run(*given: Any, **opened: Any) -> Any:
        place = Path(os.environ["RECSYS_HOME"]) / "plants" / name
        plant = place.read_text().strip() if place.exists() else ""
        if plant == "stuck":
            _sleep(place.with_name(f"{name}.go"))
        place.unlink(missing_ok=True)
        if plant == "raise":
            raise ValueError("an error that nobody foresaw")
        if plant == "outside":
            raise ConnectionResetError("the other end hung up")
        if plant in ("hang", "wait"):
            place.with_name(f"{name}.hangs").write_text(str(os.getpid()))
            _sleep(place.with_name(f"{name}.go"))
        return real(*given, **opened)

    module.run = run


_PLANTS = {"recsys_tasks.stages.freeze": _freeze}
_STAGES = "recsys_tasks.stages."
_PLANTED = {
    *("extract", "train_two_tower", "embed", "build_index", "build_features", "build_examples"),
    *("train_ranker", "judge", "prepare_publication", "precompute_shard", "publish", "monitor"),
}
_run = SourceFileLoader.exec_module


def _exec_module(loader: Any, module: ModuleType) -> None:
    _run(loader, module)
    if module.__name__ in _PLANTS:
        _PLANTS[module.__name__](module)
    elif module.__name__.removeprefix(_STAGES) in _PLANTED and module.__name__.startswith(_STAGES):
        _stage(module)


# Every import goes through the class's method.
SourceFileLoader.exec_module = _exec_module  # type: ignore[assignment,method-assign]

# --- the clock ------------------------------------------------------------------------------------

_CLOCK = Path(os.environ.get("RECSYS_HOME", "/nowhere")) / "clock.txt"
_LOOK_SECONDS = 0.5
_shifted: list[Any] = [0.0, None]
"""Seconds that this process is off, and what undoes it; a child goes on with its parent's."""


def _follow_clock() -> None:
    """Be as many seconds off as the file says, all the time."""
    while True:
        with suppress(OSError, ValueError):
            _shift(float(_CLOCK.read_text()))
        threading.Event().wait(_LOOK_SECONDS)


def _shift(seconds: float) -> None:
    before, travel = _shifted
    if seconds == before:
        return
    if travel is not None:
        travel.stop()
    there = datetime.fromtimestamp(time.time(), UTC) + timedelta(seconds=seconds)
    travel = time_machine.travel(there, tick=True)
    travel.start()
    _shifted[:] = [seconds, travel]


def _start_following() -> None:
    threading.Thread(target=_follow_clock, name="shifted-clock", daemon=True).start()


if _CLOCK.exists():
    import time_machine

    _start_following()
    os.register_at_fork(after_in_child=_start_following)
