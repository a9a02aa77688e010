"""Three nights of a shop through two Celery workers that share no disk, the lake on S3: every list
is equal to the bit to that of one process. `make cluster-test`; as root.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from recsys_tasks.config import PROJECT_ROOT
from tests.cluster.hosts import why_not
from tests.cluster.nights import NIGHTS
from tests.cluster.services import ON_CONTROL, WORKERS
from tests.object_store import require_s3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
FOLDER = PROJECT_ROOT / "build" / "cluster"


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    """What the run saw; its logs stay in `build/cluster`."""
    return run_cluster("nights", FOLDER)


def run_cluster(verb: str, folder: Path) -> dict[str, Any]:
    """What a run saw. Skips the test where no cluster can be had."""
    require_s3()
    if missing := why_not():
        pytest.skip(f"no cluster here: {missing}")
    command = [sys.executable, "-m", "tests.cluster", verb, "--folder", str(folder)]
    done = subprocess.run(command, cwd=PROJECT_ROOT, check=False)
    assert done.returncode == 0
    return dict(json.loads((folder / "seen.json").read_text()))


def test_lists_are_those_of_one_process(seen: dict[str, Any]) -> None:
    assert list(seen["cluster"]) == [f"{night}" for night in NIGHTS]
    assert seen["cluster"] == seen["alone"]


def test_both_workers_took_part_and_nobody_else(seen: dict[str, Any]) -> None:
    assert seen["elsewhere"] == [] and all(seen["hosts"][name] for name in WORKERS)
    assert "precompute_shard" in seen["hosts"]["worker-1"] + seen["hosts"]["worker-2"]


def test_no_host_reads_the_home_of_another(seen: dict[str, Any]) -> None:
    for name, found in seen["homes"].items():
        assert found.pop(name) == "", name
        assert len(found) == 3
        assert all("Permission denied" in words or "No such" in words for words in found.values())


def test_a_refused_night_is_one_message_with_its_cause_and_one_that_it_is_over(
    seen: dict[str, Any],
) -> None:
    """Task-level callbacks run on a worker, DAG-level ones where the dag-processor is."""
    told = [m for m in seen["messages"] if m["task"] == "freeze"]
    assert [message.get("status", "open") for message in told] == ["open", "resolved"]
    assert told[0]["kind"] == "ValidationFailed" and "expected: " in told[0]["message"]
    (row,) = [row for row in seen["alerts"] if row["task"] == "freeze"]
    assert row["state"] == "over" and row["message"] == told[0]["message"]


def test_the_ui_shows_the_log_of_a_task_that_ran_on_a_worker(seen: dict[str, Any]) -> None:
    assert re.search(r"http://worker-[12]:8793/log/dag_id=", seen["log"])


def test_the_ui_serves_reports_and_data_docs_that_workers_made(seen: dict[str, Any]) -> None:
    assert f"{NIGHTS[-1]}" in seen["report"] and "precompute_shard" in seen["report"]
    assert "<html" in seen["data_docs"]


def test_the_lake_is_in_the_store_and_in_no_home(seen: dict[str, Any]) -> None:
    assert seen["in_lake"] > 100
    assert [path.name for path in FOLDER.glob("*/home/lake")] == []


def test_services_were_started_as_compose_starts_them(seen: dict[str, Any]) -> None:
    said = yaml.safe_load((PROJECT_ROOT / "docker-compose.yaml").read_text())["services"]
    ours = {name for name, service in said.items() if service.get("image") == "nightshelf-airflow"}
    assert ours - {"init"} == {*ON_CONTROL, *WORKERS}
    for name in ours - {"init"}:
        assert seen["commands"][name] == ["airflow", *said[name]["command"]]
    assert seen["commands"]["init"] == said["init"]["entrypoint"]
    assert seen["commands"]["redis"][:2] == said["redis"]["command"][:2]


def test_nothing_is_left(seen: dict[str, Any]) -> None:
    left = [
        process.info["cmdline"]
        for process in psutil.process_iter(["cmdline", "uids"])
        if str(FOLDER) in " ".join(process.info["cmdline"] or [])
        or 50_000 <= process.info["uids"].real < 50_030
    ]
    assert left == [] and str(FOLDER) not in Path("/proc/mounts").read_text()
