"""A scheduler that forks its tasks shares libraries with them; no other part imports any."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from recsys_libraries import LIBRARIES

from tests.airflow.conftest import ROOT

_START = """
import json, sys
sys.argv = ["airflow", sys.argv[1]]
from airflow.jobs.job import Job
Job()
print(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.parametrize(
    ("part", "executor", "shared"),
    [
        ("scheduler", "LocalExecutor", True),
        ("scheduler", "CeleryExecutor", False),
        ("triggerer", "LocalExecutor", False),
    ],
)
def test_a_scheduler_of_local_tasks_has_their_libraries(
    part: str, executor: str, shared: bool, tmp_path: Path
) -> None:
    settings = {"AIRFLOW__CORE__EXECUTOR": executor, "AIRFLOW_HOME": str(tmp_path)}
    environment = {
        **os.environ,
        **settings,
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _START, part],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "recsys_libraries" in loaded
    there = {name for name in LIBRARIES if name in loaded}
    if shared:
        assert there == set(LIBRARIES)
        assert not {n for n in loaded if n.startswith("recsys_tasks.")} & {
            "recsys_tasks.stages.runner",
            "recsys_tasks.snapshot.dataset",
        }
        assert "tensorflow" not in loaded
    else:
        assert not {"numba", "lightgbm", "great_expectations"} & there


def test_each_of_them_is_installed() -> None:
    assert [name for name in LIBRARIES if find_spec(name) is None] == []
