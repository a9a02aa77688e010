"""The one resolver of the night's date, and what becomes of errors."""

from __future__ import annotations

import json
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
) -> dict[str, Any]:
    return {
        "dag_run": run or run_of("2026-03-10"),
        "triggering_asset_events": events or {},
        "ti": SimpleNamespace(task_id=task, map_index=map_index, try_number=try_number),
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


def test_an_unexpected_error_is_recorded_with_its_place_and_retried(home: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        fail_with(ZeroDivisionError("division by zero"))
    written = json.loads((home / "errors" / "train_ranker" / "r:1" / "freeze.json").read_text())
    assert written["found"] == "ZeroDivisionError; its text is in the task's log only"
    assert written["where"].startswith("test_wiring.py:")


def test_a_timeout_is_recorded_too(home: Path) -> None:
    with pytest.raises(AirflowTaskTimeout):
        fail_with(AirflowTaskTimeout("took too long"))
    assert list((home / "errors").rglob("freeze.json"))


def test_a_skip_is_no_error(home: Path) -> None:
    with pytest.raises(AirflowSkipException):
        fail_with(AirflowSkipException("nothing to do"))
    assert not (home / "errors").exists()


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
    ("error", "action"),
    [
        (TransientError(**PARTS), "retry"),
        (ValidationFailed(**PARTS), "fail"),
        (ConfigError(**PARTS), "fail"),
        (RuntimeError("?"), "default"),
    ],
)
def test_the_retry_policy_agrees(error: Exception, action: str) -> None:
    assert recsys_airflow.retry_policy().evaluate(error, 1, 2).action.value == action
