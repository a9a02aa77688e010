"""On-call is told through Airflow's connections by a process of its own, whatever of the stack is
down.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from recsys_tasks.config import PROJECT_ROOT
from recsys_tasks.launcher.trouble import down_alert, over, send, tell
from recsys_tasks.monitoring.alerts.spool import spool_of
from tests.airflow.recorder import Recorder
from tests.environments import environment_of

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)


def surroundings(home: Path, channel: Recorder) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "RECSYS"))}
    url = "postgresql://nobody@127.0.0.1:1/recsys"  # where nobody listens
    return kept | {
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url,
        "AIRFLOW_CONN_ALERT_WEBHOOK": channel.as_webhook,
        "RECSYS_HOME": str(home),
        "RECSYS_DATABASE_URL": url,
        "RECSYS_CONFIG": str(PROJECT_ROOT / "include" / "recsys.yaml"),
        "NO_PROXY": "127.0.0.1",
    }


def test_one_page_says_which_part_and_what_it_said_though_the_database_is_down(
    tmp_path: Path,
) -> None:
    channel = Recorder()
    try:
        said = tell(
            "airflow scheduler",
            "exit code 3; it last said:\nno such port",
            surroundings(tmp_path, channel),
        )
    finally:
        channel.stop()
    (page,) = channel.bodies
    assert said.startswith("1 alert(s) sent"), said
    assert (
        page["message"].splitlines()[0] == "airflow scheduler does not stay up"
        and "no such port" in page["message"]
    )
    assert page["reader_state"].startswith("readers keep their lists")
    assert (
        page["runbook"] == "include/runbooks/part-down.md"
        and (PROJECT_ROOT / page["runbook"]).exists()
    )
    assert str(tmp_path / "airflow" / "processes" / "scheduler.log") in page["remedy"]


def test_of_the_database_it_says_that_readers_get_nothing(tmp_path: Path) -> None:
    alert = down_alert("PostgreSQL", "it does not start: no space left", home=tmp_path, now=NOW)
    assert alert.reader_state.startswith("readers get nothing")
    assert str(tmp_path / "postgres" / "log") in alert.remedy


def test_what_cannot_be_sent_stands_on_the_screen(tmp_path: Path) -> None:
    alert = down_alert("PostgreSQL", "it does not start: no space left", home=tmp_path, now=NOW)
    said = send(
        alert,
        {"PATH": os.environ["PATH"], "AIRFLOW_HOME": "/proc/none", "RECSYS_HOME": "/proc/none"},
    )
    assert (
        "1 alert(s) sent" not in said
        and "PostgreSQL does not stay up" in said
        and "no space left" in said
    )


def test_the_alert_is_over_when_the_part_has_stayed_up(tmp_path: Path) -> None:
    spool = spool_of(environment_of(tmp_path))
    for part in ("airflow scheduler", "airflow scheduler-2", "PostgreSQL"):
        spool.add(down_alert(part, "exit code 3", home=tmp_path, now=NOW))
    over("airflow scheduler", environment_of(tmp_path), now=NOW)
    still = [record.alert.message.splitlines()[0] for record in spool.open()]
    assert sorted(still) == [
        "PostgreSQL does not stay up",
        "airflow scheduler-2 does not stay up",
    ]
