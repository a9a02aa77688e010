"""Alerts reach people with whatever is broken, once, and in words that are safe to send. A real
server records them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import recsys_alerts
import recsys_runs
import recsys_watch
from airflow.plugins_manager import get_plugin_info
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.timezone import utcnow

from recsys_tasks.errors import TransientError, ValidationFailed
from tests.airflow.conftest import ROOT
from tests.airflow.failed_tasks import PARTS, STARTED, context_of, fail, notify
from tests.airflow.recorder import Recorder

# --- silence --------------------------------------------------------------------------------------


def test_a_read_only_home_costs_no_alert_and_brings_no_second_one(
    home: Path, webhook: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSYS_HOME", "/proc/nightshelf")  # where root can make no folder either
    context = context_of()
    # The task's own error, not that the disk is read-only.
    with (
        pytest.raises(AirflowFailException, match="9 rows"),
        recsys_runs.as_airflow_errors("freeze", context),
    ):
        raise ValidationFailed(**PARTS)
    try:
        raise AirflowFailException("…") from ValidationFailed(**PARTS)
    except AirflowFailException as error:  # as Airflow hands it to the task's callback
        notify({**context, "exception": error})
    notify(context)  # the DAG's callback, in another process
    recsys_alerts.deliver_alerts()  # watch_freshness, an hour later
    assert [body["kind"] for body in webhook.bodies] == ["ValidationFailed"]
    assert "found: 9 rows" in webhook.bodies[0]["message"]


FULL_DISK = """
import json, resource, signal, sys
from types import SimpleNamespace
from tests.airflow.test_alert_delivery import context_of, notify
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # every write to a file fails, in every folder
notify(context_of())
notify(context_of())
"""


def test_a_full_disk_costs_no_alert_and_leaves_no_empty_file(home: Path, webhook: Recorder) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    subprocess.run(
        [sys.executable, "-c", FULL_DISK],
        env=environment,
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    assert [body["kind"] for body in webhook.bodies] == ["Killed"]
    assert [p for p in home.rglob("*") if p.suffix in (".json", ".tmp")] == []
    notify(context_of("manual:2"))  # there is room again
    assert len(webhook.bodies) == 2


def test_an_empty_file_of_an_earlier_version_hides_no_alert(home: Path, webhook: Recorder) -> None:
    notify(context_of())
    (kept,) = (home / "alerts" / "spool").glob("*.json")
    kept.write_text("")
    notify(context_of())
    assert len(webhook.bodies) == 2 and json.loads(kept.read_text())["delivered"] == ["webhook"]


def test_the_notifier_works_while_the_settings_file_is_wrong(
    home: Path, recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "recsys.yaml"
    whole = (ROOT / "include" / "recsys.yaml").read_text()
    settings.write_text(whole + "\nalerts: {webhook_connection: pager}\n")
    monkeypatch.setenv("RECSYS_CONFIG", str(settings))
    monkeypatch.setenv("AIRFLOW_CONN_PAGER", recorder.as_webhook)
    notify(context_of("manual:1"))
    settings.write_text(whole + "\nalerts: {webhook_connection: pager}\nshards: 3\n")  # unknown key
    notify(context_of("manual:2"))
    settings.write_text(
        "alerts: ["
    )  # no YAML: the channel is the one that the file named when it was right
    notify(context_of("manual:3"))
    assert [body["run"] for body in recorder.bodies] == ["manual:1", "manual:2", "manual:3"]


def test_one_callback_is_enough_and_two_are_no_more(home: Path, webhook: Recorder) -> None:
    """A task-level callback misses killed tasks, a DAG-level one needs the dag-processor: both, and
    one alert.
    """
    error = ValidationFailed(**PARTS)
    context = context_of()
    fail(error, context)
    notify({**context, "exception": error})
    last_ti = SimpleNamespace(task_id="freeze", map_index=-1, try_number=1)
    notify({**context, "ti": last_ti, "reason": "task_failure"})
    notify(
        {"dag": context["dag"], "run_id": "manual:9", "reason": "task_failure"}
    )  # the least that Airflow gives
    assert [body["run"] for body in webhook.bodies] == ["manual:1", "manual:9"]


# --- words ----------------------------------------------------------------------------------------


def test_a_killed_rerun_is_not_reported_as_the_earlier_try(home: Path, webhook: Recorder) -> None:
    first = context_of()
    fail(ValueError("secret=hunter2"), first)
    notify(first)
    again = context_of(
        started=STARTED.replace(hour=9), try_number=2
    )  # cleared; then killed before it could say why
    notify(again)
    second, third = context_of("manual:2", try_number=1), context_of("manual:2", try_number=2)
    fail(TransientError(**PARTS), second)
    notify(third)  # killed at its second try
    kinds = [(body["kind"], body["runbook"].rpartition("/")[2]) for body in webhook.bodies]
    assert kinds == [("ValueError", "unexpected-error.md"), *[("Killed", "task-killed.md")] * 2]


def test_a_try_that_begins_forgets_the_error_before_it(home: Path) -> None:
    fail(ValueError("?"), context_of())
    seen = []
    with recsys_runs.as_airflow_errors("freeze", context_of(try_number=2)):
        seen = [path.name for path in (home / "errors").rglob("*.json")]
    assert seen == ["freeze.trying.json"]


def test_what_an_exception_says_stays_in_the_tasks_log(
    home: Path, webhook: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_ALERTS", webhook.as_slack)
    fail(
        ValueError("cannot connect to postgresql://u:s3cr3t@h/db password=hunter2 user_id=u-123"),
        context_of(),
    )
    notify(context_of())
    assert len(webhook.received) == 2
    sent = json.dumps(webhook.bodies)
    kept = "".join(path.read_text() for path in home.rglob("*.json"))
    for secret in ("s3cr3t", "hunter2", "u-123"):
        assert secret not in sent + kept
    assert "ValueError" in sent and "failed_tasks.py:" in sent  # its class and its place are told


def test_secrets_in_our_own_words_are_taken_out_as_well(home: Path, webhook: Recorder) -> None:
    found = (
        'login failed for postgresql://writer:s3cr3t@db/x, api_key: "abcd1234",'
        " AKIAABCDEFGHIJKLMNOP, Token=zzz9"
    )
    fail(ValidationFailed(**{**PARTS, "found": found}), context_of())
    notify(context_of())
    everything = json.dumps(webhook.bodies) + "".join(
        path.read_text() for path in home.rglob("*.json")
    )
    for secret in ("s3cr3t", "abcd1234", "AKIAABCDEFGHIJKLMNOP", "zzz9"):
        assert secret not in everything
    assert "login failed for postgresql://***@db/x" in webhook.bodies[0]["message"]


HOSTILE = "<!channel> <@U123> @here & <https://evil.example|click> \u202edesrever\x07"


def test_what_a_shop_wrote_calls_nobody(
    home: Path, webhook: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_ALERTS", webhook.as_slack)
    fail(ValidationFailed(**{**PARTS, "found": HOSTILE}), context_of())
    notify(context_of())
    slack = next(body for path, _, body in webhook.received if path != "/hook")["text"]
    plain = next(body for path, _, body in webhook.received if path == "/hook")["message"]
    assert (
        "<" not in slack.replace("&lt;", "")
        and ">" not in slack.replace("&gt;", "")
        and "&amp;" in slack
    )
    for text in (slack, plain):
        assert not any(call in text for call in ("<!", "<@", "@here", "\u202e", "\x07"))


def test_a_run_without_a_date_is_told_a_command_that_has_one(home: Path, webhook: Recorder) -> None:
    context = context_of(night=None)
    with pytest.raises(AirflowFailException), recsys_runs.as_airflow_errors("extract", context):
        recsys_runs.resolve_as_of(context)
    notify(context)
    remedy = webhook.bodies[0]["remedy"]
    today = utcnow().date()
    assert f"""airflow dags trigger validate_data --conf '{{"as_of": "{today}"}}'""" in remedy
    assert "clear" not in remedy and remedy.count("airflow dags trigger") == 1


def test_the_date_picker_is_the_nights_date(home: Path) -> None:
    run = SimpleNamespace(
        dag_id="validate_data", run_id="m", partition_key=None, conf={"as_of": "2026-03-10"}
    )
    assert str(recsys_runs.resolve_as_of({"dag_run": run})) == "2026-03-10"


# --- too many -------------------------------------------------------------------------------------


# --- and over -------------------------------------------------------------------------------------


# --- what every callback missed -------------------------------------------------------------------


class Airflow:
    """What a task's instance answers of other runs."""

    def __init__(self, **states: str) -> None:
        self.states = states

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str:
        return self.states[run_id]

    def get_task_states(self, dag_id: str, run_ids: list[str]) -> dict[str, dict[str, str]]:
        return {run_ids[0]: {"extract": "success", "freeze": "failed", "later": "upstream_failed"}}


def note(run_id: str, minutes: float = 60, msg: str = "task_failure") -> None:
    run = context_of(run_id)["dag_run"]
    recsys_watch.FailedRuns().on_dag_run_failed(run, msg)
    at = (utcnow() - timedelta(minutes=minutes)).isoformat()
    for name, text in recsys_watch.notes().read_all().items():
        if run_id in name:
            recsys_watch.notes().write(name, json.dumps({**json.loads(text), "at": at}))


def test_a_failed_run_that_no_callback_told_is_told_by_the_watcher(
    home: Path, webhook: Recorder
) -> None:
    notify(context_of("told"))
    for run_id in ("told", "lost", "cleared"):
        note(run_id)
    note("now", minutes=1)  # its callbacks are on their way
    note("by_hand", msg="")  # a person marked it as failed
    states = Airflow(told="failed", lost="failed", cleared="success", now="failed")
    assert recsys_watch.raise_unheard(states, utcnow()) == 1
    recsys_alerts.deliver_alerts()
    assert [(body["run"], body["task"], body["kind"]) for body in webhook.bodies] == [
        ("told", "freeze", "Killed"),
        ("lost", "freeze", "Killed"),
    ]
    assert len(recsys_watch.notes().read_all()) == 1
    assert recsys_watch.raise_unheard(states, utcnow()) == 0


def test_a_dag_file_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    (tmp_path / "build_index.py").write_text("import a_package_that_is_not_there\n")
    (tmp_path / "good.py").write_text("x = 1\n")
    assert list(recsys_watch.broken_files(tmp_path)) == ["build_index: ModuleNotFoundError"]
    assert list(recsys_watch.broken_files(ROOT / "dags")) == []


def test_airflow_loads_the_note_taker() -> None:
    every = get_plugin_info(["listeners"])
    named = [one for one in every if one["name"] == "nightshelf_failed_runs"]
    assert [one["listeners"] for one in named] == [["recsys_watch.FailedRuns"]]
    assert callable(recsys_watch.FailedRuns.on_dag_run_failed)
