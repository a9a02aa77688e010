"""The one resolver of the night's date, and what becomes of errors."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import recsys_airflow
import recsys_runs
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, AirflowTaskTimeout

from recsys_tasks.errors import (
    ArtifactError,
    ConfigError,
    RecsysError,
    TransientError,
    ValidationFailed,
)

PARTS = {
    "expected": "no unknown event",
    "found": "9 rows",
    "where": "events",
    "remedy": "send it again",
}


def run_of(partition_key: str | None = None, conf: dict[str, str] | None = None) -> SimpleNamespace:
    return SimpleNamespace(
        dag_id="train_ranker", run_id="r:1", partition_key=partition_key, conf=conf
    )


def event(partition_key: str | None = None, **extra: str) -> SimpleNamespace:
    return SimpleNamespace(partition_key=partition_key, extra=extra)


def context_of(
    run: SimpleNamespace | None = None,
    events: Mapping[str, list[SimpleNamespace]] | None = None,
    task: str = "freeze",
    map_index: int = -1,
    try_number: int = 1,
    max_tries: int = 8,
) -> dict[str, Any]:
    return {
        "dag_run": run or run_of("2026-03-10"),
        "triggering_asset_events": events or {},
        "ti": SimpleNamespace(
            task_id=task,
            map_index=map_index,
            try_number=try_number,
            max_tries=max_tries,
            task=SimpleNamespace(retries=8),
        ),
    }


@pytest.mark.parametrize(
    ("run", "events"),
    [
        (run_of("2026-03-10"), {}),
        (run_of(conf={"as_of": "2026-03-10"}), {}),
        (run_of(), {"index": [event("2026-03-10")]}),
        (run_of(), {"index": [event(as_of="2026-03-10")]}),
        (
            run_of(),
            {
                "index": [event("2026-03-10"), event("2026-03-10")],
                "tower": [event(as_of="2026-03-10")],
            },
        ),
        # The partition key wins over what a person typed, and that over what the events say.
        (run_of("2026-03-10", conf={"as_of": "2026-01-01"}), {"index": [event("2026-02-02")]}),
        (run_of(conf={"as_of": "2026-03-10"}), {"index": [event("2026-02-02")]}),
    ],
)
def test_the_date_comes_from_key_then_conf_then_events(
    run: SimpleNamespace | None, events: Mapping[str, list[SimpleNamespace]] | None
) -> None:
    assert recsys_runs.resolve_as_of(context_of(run, events)) == date(2026, 3, 10)


@pytest.mark.parametrize(
    ("run", "events", "found"),
    [
        (run_of(), {}, "none"),
        (run_of(conf={}), {"index": [event()]}, "none"),
        (run_of("tomorrow"), {}, "'tomorrow'"),
        (
            run_of(),
            {"index": [event("2026-03-10"), event("2026-03-11")]},
            "['2026-03-10', '2026-03-11']",
        ),
    ],
)
def test_no_date_or_two_dates_is_an_error_a_person_must_correct(
    run: SimpleNamespace | None, events: Mapping[str, list[SimpleNamespace]] | None, found: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        recsys_runs.resolve_as_of(context_of(run, events))
    assert caught.value.found == found
    assert "train_ranker" in caught.value.where
    assert (
        """airflow dags trigger train_ranker --conf '{"as_of": "YYYY-MM-DD"}'"""
        in caught.value.remedy
    )


def fail_with(error: BaseException, **context: Any) -> None:
    with recsys_runs.as_airflow_errors("freeze", context_of(**context)):
        raise error


@pytest.mark.parametrize("kind", [ValidationFailed, ConfigError, ArtifactError])
def test_what_a_person_must_correct_fails_without_a_retry(
    home: Path, kind: type[RecsysError]
) -> None:
    with pytest.raises(AirflowFailException, match="9 rows"):
        fail_with(kind(**PARTS))
    written = json.loads((home / "errors" / "train_ranker" / "r:1" / "freeze.json").read_text())
    parts = {"task": "freeze", "stage": "freeze", "error": kind.__name__, **PARTS}
    assert written == {**parts, "started": "", "try_number": 1}


def test_the_outside_world_is_tried_again(home: Path) -> None:
    with pytest.raises(TransientError):
        fail_with(TransientError(**PARTS))
    assert (home / "errors" / "train_ranker" / "r:1" / "freeze.json").exists()


def test_an_unexpected_error_is_recorded_with_its_place_and_not_retried(home: Path) -> None:
    with pytest.raises(AirflowFailException):
        fail_with(ZeroDivisionError("division by zero"))
    written = json.loads((home / "errors" / "train_ranker" / "r:1" / "freeze.json").read_text())
    assert written["found"] == "ZeroDivisionError; its text is in the task's log only"
    assert written["where"].startswith("test_wiring.py:")


def test_a_connection_that_breaks_in_a_library_is_told_as_the_outside_world(home: Path) -> None:
    with pytest.raises(ConnectionResetError):
        fail_with(ConnectionResetError("by peer user:secret@server"))
    written = json.loads((home / "errors" / "train_ranker" / "r:1" / "freeze.json").read_text())
    assert written["error"] == "TransientError"
    assert "secret" not in json.dumps(written)


def test_a_timeout_is_recorded_too(home: Path) -> None:
    with pytest.raises(AirflowTaskTimeout):
        fail_with(AirflowTaskTimeout("took too long"))
    assert list((home / "errors").rglob("freeze.json"))


def test_a_skip_is_no_error(home: Path) -> None:
    with pytest.raises(AirflowSkipException):
        fail_with(AirflowSkipException("nothing to do"))
    assert not list((home / "errors").rglob("*.*"))


def test_a_later_success_forgets_the_error_of_its_own_shard_only(home: Path) -> None:
    for shard in (0, 1):
        with pytest.raises(TransientError):
            fail_with(TransientError(**PARTS), task="precompute_shard", map_index=shard)
    with recsys_runs.as_airflow_errors(
        "precompute_shard", context_of(task="precompute_shard", map_index=1)
    ):
        pass
    assert [p.name for p in (home / "errors").rglob("*.json")] == ["precompute_shard.0.json"]


@pytest.mark.parametrize(
    ("error", "actions"),
    [
        (TransientError(**PARTS), ["retry"] * 8),
        (ConnectionResetError("by peer"), ["retry"] * 8),
        (AirflowTaskTimeout("took too long"), ["retry"] * 2 + ["fail"] * 6),
        (ValidationFailed(**PARTS), ["fail"] * 8),
        (ConfigError(**PARTS), ["fail"] * 8),
        (ValueError("?"), ["fail"] * 8),
    ],
)
def test_tries_by_kind_of_error(error: BaseException, actions: list[str]) -> None:
    policy = recsys_airflow.retries()
    found = [decided(policy, error, number, 8).action.value for number in range(1, 9)]
    assert found == actions


def decided(policy: Any, error: BaseException, number: int, most: int) -> Any:
    return policy.evaluate(error, number, most, context_of(try_number=number, max_tries=most))


def test_waits_grow_and_begin_anew_when_the_task_is_cleared() -> None:
    policy, error = recsys_airflow.retries(), TransientError(**PARTS)
    first = [decided(policy, error, n, 8).retry_delay.total_seconds() for n in range(1, 9)]
    assert first[:6] == sorted(first[:6])
    assert sum(first) >= 3600
    # Airflow gives a cleared task its tries on top of those that it had
    again = decided(policy, error, 10, 9 + 8).retry_delay.total_seconds()
    assert 30 <= again <= 30 * 1.25


def kill(**context: Any) -> None:
    """What is left of a try whose process was killed: nothing of its end was run."""
    if (child := os.fork()) == 0:
        with recsys_runs.as_airflow_errors("freeze", context_of(**context)):
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)


def test_a_task_that_is_killed_each_time_is_not_tried_for_an_hour(home: Path) -> None:
    for number in (1, 2, 3):
        kill(try_number=number)
    with (
        pytest.raises(AirflowFailException, match="3 tries in a row were killed"),
        recsys_runs.as_airflow_errors("freeze", context_of(try_number=4)),
    ):
        raise AssertionError("the stage was run")
    written = json.loads((home / "errors" / "train_ranker" / "r:1" / "freeze.json").read_text())
    assert written["error"] == "Killed"


def test_kills_are_counted_anew_after_an_end_or_a_clear(home: Path) -> None:
    for number in (1, 2):
        kill(try_number=number)
    with pytest.raises(TransientError):
        fail_with(TransientError(**PARTS), try_number=3)
    for number in (4, 5):
        kill(try_number=number)
    kill(try_number=6)  # the third in a row, and then a person cleared the task
    with recsys_runs.as_airflow_errors("freeze", context_of(try_number=7, max_tries=6 + 8)):
        pass
    assert not list((home / "errors").rglob("*.trying"))
