"""The DAG files: they load, they only wire, and each carries what a night needs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import ParamValidationError

from recsys_tasks.stages import STAGES_BY_DAG, Stage
from tests.airflow.conftest import ROOT

ASSET_OF = {
    "train_two_tower": "snapshot",
    "build_index": "tower",
    "train_ranker": "index",
    "precompute_recommendations": "release",
    "monitor_recommendations": "publication",
}
TASKS_OF = {
    "validate_data": ["extract", "freeze"],
    "train_two_tower": ["train_two_tower"],
    "build_index": ["embed", "build_index"],
    "train_ranker": ["build_features", "build_examples", "train_ranker", "judge", "report"],
    "precompute_recommendations": ["prepare_publication", "precompute_shard", "publish"],
    "monitor_recommendations": ["monitor", "deliver_alerts", "report"],
    "watch_freshness": ["look"],
    "maintain_storage": ["sweep", "clean_airflow"],
    "fire_drill": ["drill"],
}
FILES = sorted((ROOT / "dags").glob("*.py"))


@pytest.fixture(scope="module")
def bag() -> DagBag:
    return DagBag(dag_folder=str(ROOT / "dags"))


def test_every_file_loads(bag: DagBag) -> None:
    assert bag.import_errors == {}
    assert set(bag.dags) == set(TASKS_OF)


@pytest.mark.parametrize("dag_id", TASKS_OF)
def test_tasks_run_one_after_the_other(bag: DagBag, dag_id: str) -> None:
    tasks = bag.dags[dag_id].topological_sort()  # type: ignore[no-untyped-call]  # Airflow's
    order = [task.task_id for task in tasks]
    assert order == TASKS_OF[dag_id]
    for earlier, later in pairwise(order):
        assert later in bag.dags[dag_id].get_task(earlier).downstream_task_ids


@pytest.mark.parametrize("dag_id", TASKS_OF)
def test_every_dag_carries_the_house_rules(bag: DagBag, dag_id: str) -> None:
    dag = bag.dags[dag_id]
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    assert "nightshelf" in dag.tags
    assert dag.doc_md
    assert [type(c).__name__ for c in _listed(dag.on_failure_callback)] == ["IncidentAlert"]
    for task in dag.tasks:
        a_nights = "as_of" in dag.params
        assert task.retries == (8 if a_nights else 2)
        assert task.retry_policy is not None
        assert task.execution_timeout is not None
        assert timedelta(minutes=1) <= task.execution_timeout <= timedelta(hours=6, minutes=5)
        assert [type(c).__name__ for c in _listed(task.on_failure_callback)] == ["IncidentAlert"]


def test_who_triggers_a_night_by_hand_is_asked_for_its_date(bag: DagBag) -> None:
    asked = {name: dag.params for name, dag in bag.dags.items()}
    for name in ("validate_data", *ASSET_OF):
        param = asked[name].get_param("as_of")
        assert (param.value, param.schema["format"], param.schema["title"]) == (
            None,
            "date",
            "Night",
        )
        assert param.resolve("2026-03-10") == "2026-03-10"
        with pytest.raises(ParamValidationError):
            param.resolve("tomorrow")
    assert not any(asked[name] for name in ("watch_freshness", "maintain_storage", "fire_drill"))


@pytest.mark.parametrize(("dag_id", "asset"), ASSET_OF.items())
def test_assets_start_the_next_dag_by_date(bag: DagBag, dag_id: str, asset: str) -> None:
    timetable: Any = bag.dags[dag_id].timetable
    assert type(timetable).__name__ == "PartitionedAssetTimetable"
    assert timetable.asset_condition.name == asset


def test_each_asset_comes_from_the_last_task_of_one_dag(bag: DagBag) -> None:
    emitted = {
        outlet.name: (dag.dag_id, task.task_id)
        for dag in bag.dags.values()
        for task in dag.tasks
        for outlet in task.outlets
    }
    assert emitted == {
        "snapshot": ("validate_data", "freeze"),
        "tower": ("train_two_tower", "train_two_tower"),
        "index": ("build_index", "build_index"),
        "release": ("train_ranker", "judge"),
        "publication": ("precompute_recommendations", "publish"),
    }


@pytest.mark.parametrize(("dag_id", "stages"), STAGES_BY_DAG.items())
def test_a_dag_runs_its_stages_of_the_pipeline(
    bag: DagBag, dag_id: str, stages: Sequence[Stage]
) -> None:
    tasks = [bag.dags[dag_id].get_task(stage.name) for stage in stages]
    assert [task.execution_timeout for task in tasks] == [
        timedelta(minutes=stage.minutes + 5) for stage in stages
    ]
    assert [[outlet.name for outlet in task.outlets] for task in tasks] == [
        [stage.emits] if stage.emits else [] for stage in stages
    ]


def test_a_simulated_shop_has_no_wall_clock_schedule(bag: DagBag) -> None:
    assert type(bag.dags["validate_data"].timetable).__name__ == "PartitionedAtRuntime"
    assert type(bag.dags["watch_freshness"].timetable).__name__ == "NullTimetable"


def test_a_real_shop_runs_each_night_by_date(tmp_path: Path) -> None:
    settings = (
        (ROOT / "include" / "recsys.yaml").read_text().replace("clock: simulated", "clock: wall")
    )
    (tmp_path / "recsys.yaml").write_text(settings)
    code = (
        "import json; from recsys_airflow import nightly, cron; t = nightly();"
        "print(json.dumps([type(t).__name__, t.key_format, type(cron('0 * * * *')).__name__]))"
    )
    assert _in_airflow(code, RECSYS_CONFIG=str(tmp_path / "recsys.yaml")) == [
        "CronPartitionTimetable",
        "%Y-%m-%d",
        "CronTriggerTimetable",
    ]


WRONG = {
    "a key that is unknown": "{whole}\nshards: 3\n",
    "a bound that is none": "{whole}\nmonitoring: {{stale_after_hours: -1}}\n",
    "no YAML": "project: [shop\n",
    "no mapping": "- project\n",
    "empty": "",
    "a cron that is impossible": '{whole}\nschedule: {{nightly: "61 25 * * *"}}\n',
    "a cron that never fires": '{whole}\nschedule: {{watch_freshness: "0 0 30 2 *"}}\n',
}


@pytest.mark.parametrize("wrong", WRONG)
def test_with_a_wrong_settings_file_every_dag_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    """Airflow runs no DAG that it cannot import: watch_freshness and the notifier would be silent
    with the others.
    """
    whole = (
        (ROOT / "include" / "recsys.yaml").read_text().replace("clock: simulated", "clock: wall")
    )
    (tmp_path / "recsys.yaml").write_text(WRONG[wrong].format(whole=whole))
    monkeypatch.setenv("RECSYS_CONFIG", str(tmp_path / "recsys.yaml"))
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path))
    # Airflow's plugin loader puts a module of its own in the place of the one imported here; DAG
    # files see that one.
    plugin = sys.modules["recsys_airflow"]
    plugin.settings.cache_clear()
    try:
        loaded = DagBag(dag_folder=str(ROOT / "dags"))
    finally:
        plugin.settings.cache_clear()
    assert loaded.import_errors == {}
    assert set(loaded.dags) == set(TASKS_OF)
    by_clock: dict[str, Any] = {
        name: loaded.dags[name].timetable for name in ("validate_data", "watch_freshness")
    }
    assert {name: str(timetable.expression) for name, timetable in by_clock.items()} == {
        "validate_data": "0 1 * * *",
        "watch_freshness": "*/10 * * * *",
    }


def test_a_promotion_waits_for_a_person_only_where_the_settings_ask(tmp_path: Path) -> None:
    settings = (
        ROOT / "include" / "recsys.yaml"
    ).read_text() + "\ngate: {approval: true, approval_hours: 3}\n"
    (tmp_path / "recsys.yaml").write_text(settings)
    code = (
        "import json; from airflow.dag_processing.dagbag import DagBag;d ="
        f" DagBag({str(ROOT / 'dags' / 'train_ranker.py')!r}).dags['train_ranker'];a ="
        " d.get_task('approve');print(json.dumps([[t.task_id for t in d.topological_sort()],"
        " a.response_timeout.total_seconds(), a.defaults, [o.name for o in"
        " d.get_task('judge').outlets]]))"
    )
    tasks, seconds, default, outlets = _in_airflow(
        code, RECSYS_CONFIG=str(tmp_path / "recsys.yaml")
    )
    assert tasks == [
        "build_features",
        "build_examples",
        "train_ranker",
        "judge",
        "anything_to_approve",
        "report",
        "approve",
        "promote",
    ]
    assert (seconds, default, outlets) == (3 * 3600, ["Reject"], ["release"])


def test_a_prefix_stands_before_every_dag_and_asset(tmp_path: Path) -> None:
    settings = (
        ROOT / "include" / "recsys.yaml"
    ).read_text() + "\nschedule: {dag_prefix: shop_a_}\n"
    (tmp_path / "recsys.yaml").write_text(settings)
    code = (
        "import json; from airflow.dag_processing.dagbag import DagBag;"
        f" bag = DagBag({str(ROOT / 'dags')!r}); print(json.dumps([bag.import_errors, {{d.dag_id:"
        " [getattr(getattr(d.timetable, 'asset_condition', None), 'name', None), sorted(o.name for"
        " t in d.tasks for o in t.outlets)] for d in bag.dags.values()}]))"
    )
    errors, found = _in_airflow(code, RECSYS_CONFIG=str(tmp_path / "recsys.yaml"))
    assert errors == {} and set(found) == {f"shop_a_{name}" for name in TASKS_OF}
    for name, stages in STAGES_BY_DAG.items():
        emitted = [f"shop_a_{stage.emits}" for stage in stages if stage.emits]
        after = f"shop_a_{ASSET_OF[name]}" if name in ASSET_OF else None
        assert found[f"shop_a_{name}"] == [after, emitted]


HEAVY = {
    "tensorflow",
    "scann",
    "lightgbm",
    "great_expectations",
    "mlflow",
    "numpy",
    "pandas",
    "pyarrow",
    "duckdb",
    "ibis",
}
OURS = {
    f"recsys_tasks.{name}"
    for name in ("lake", "database", "schema", "snapshot", "monitoring", "stages.night")
} | {"recsys_tasks.sources.tables"}  # settings find sources by name; what reads rows stays away


def test_dags_and_plugins_import_nothing_heavy() -> None:
    code = (
        "import json, runpy, sys, airflow.sdk;from airflow.sdk import DAG, task,"
        " get_current_context, CronPartitionTimetable, PartitionedAssetTimetable, BaseHook,"
        " BaseNotifier, ExceptionRetryPolicy, Asset;before = set(sys.modules);[runpy.run_path(p)"
        f" for p in {[str(p) for p in FILES]!r}];print(json.dumps(sorted(set(sys.modules) -"
        " before)))"
    )
    added = _in_airflow(code)
    assert "recsys_airflow" in added
    assert [m for m in added if m in OURS or m.split(".")[0] in HEAVY] == []


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_dag_file_only_wires(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= 40
    assert not [line for line in lines if line.startswith(("import ", "from recsys_tasks"))]


def _in_airflow(code: str, **environment: str) -> Any:
    import os

    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}", **environment}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
