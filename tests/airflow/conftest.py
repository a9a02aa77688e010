"""Airflow reads its home when it is first imported, so the environment is set before any test
module is.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.airflow.recorder import Recorder

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


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A RECSYS_HOME of its own, without channels; what cannot be written there goes beside it, not
    to /tmp.
    """
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path / "home"))
    for name in (
        "RECSYS_DATABASE_URL",
        "RECSYS_CONFIG",
        "AIRFLOW_CONN_SLACK_ALERTS",
        "AIRFLOW_CONN_ALERT_WEBHOOK",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "spare").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "spare"))
    return tmp_path / "home"


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    server = Recorder()
    yield server
    server.stop()


@pytest.fixture
def webhook(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """A local server that is the webhook of the settings."""
    monkeypatch.setenv("AIRFLOW_CONN_ALERT_WEBHOOK", recorder.as_webhook)
    return recorder
