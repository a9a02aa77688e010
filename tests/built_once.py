"""What is slow to build and only looked at or copied: built once a run of pytest, whichever of its
workers needs it first.
"""

from __future__ import annotations

import fcntl
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

Told = TypeVar("Told")


def built_once(
    factory: pytest.TempPathFactory, name: str, build: Callable[[Path], Told]
) -> tuple[Path, Told]:
    """The folder that `build` filled, and what it returned; nobody may change the folder.

    Other workers wait while one builds. A build that failed is tried again by the next who asks.
    """
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # each worker has a folder of its own in the run's
        base = base.parent
    folder, told = base / f"once-{name}", base / f"once-{name}.pickle"
    with (base / f"once-{name}.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o755)
            built: Any = build(folder)
            told.write_bytes(pickle.dumps(built))
    found: Told = pickle.loads(told.read_bytes())
    return folder, found
