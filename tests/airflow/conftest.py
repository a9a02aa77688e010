"""Airflow reads its home when it is first imported, so the environment is set before any test module is."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_HOME = tempfile.mkdtemp(prefix="nightshelf-airflow-")
os.environ.update(
    AIRFLOW_HOME=_HOME,
    AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(ROOT / "plugins"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
)
if str(ROOT / "plugins") not in sys.path:  # Airflow does this for its own processes
    sys.path.append(str(ROOT / "plugins"))
