"""The stages as they declare themselves, and the pipeline that orders them."""

from __future__ import annotations

import ast
import re
from collections import Counter
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest

from recsys_tasks import stages
from recsys_tasks.dag_names import NIGHTLY_DAGS
from recsys_tasks.errors import ConfigError
from recsys_tasks.lake.kinds import catalogue
from recsys_tasks.stages import AFTER_APPROVAL, STAGES, STAGES_BY_DAG, Stage, stage_named
from recsys_tasks.stages.runner import run_on

FOLDER = Path(stages.__file__).parent
DECLARED = {
    path.stem
    for path in FOLDER.glob("*.py")
    if any(line.startswith("STAGE = ") for line in path.read_text().splitlines())
}


def test_every_file_with_a_stage_is_in_the_pipeline_under_its_own_name() -> None:
    assert {stage.name for stage in (*STAGES, AFTER_APPROVAL)} == DECLARED


def test_every_dag_of_a_night_has_stages_and_the_report_alone_is_in_two() -> None:
    assert tuple(STAGES_BY_DAG) == NIGHTLY_DAGS and all(STAGES_BY_DAG.values())
    assert [name for name, n in Counter(s.name for s in STAGES).items() if n > 1] == ["report"]


def test_each_asset_is_emitted_once_and_the_dag_after_the_last_one_ends_the_night() -> None:
    emitted = [stage.emits for stage in STAGES if stage.emits]
    assert len(emitted) == len(set(emitted)) == len(STAGES_BY_DAG) - 1


def test_what_a_stage_reads_was_made_before_it_or_on_a_night_before() -> None:
    made = {kind for stage in STAGES for kind in stage.makes}
    for stage in STAGES:
        assert {*stage.reads, *(one.kind for one in stage.opens)} <= made, stage.name


@pytest.mark.parametrize(
    "stage", {stage.name: stage for stage in (*STAGES, AFTER_APPROVAL)}.values()
)
def test_what_a_stage_takes_is_what_the_runner_opens_for_it(stage: Stage) -> None:
    taken = signature(import_module(stage.module).run).parameters
    shard = ["shard"] if stage.sharded else []
    assert list(taken) == ["night", *shard, *(one.kind for one in stage.opens)]


def test_only_stages_and_what_runs_them_take_the_whole_night() -> None:
    """But for the night's page, which says whatever is known of it."""
    entries = {"approval", "failures", "night", "run_report", "runner", "sweep"}
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and path.stem not in entries:
                asked = {ast.unparse(a.annotation) for a in node.args.args if a.annotation}
                own = path.stem in DECLARED and node.name == "run"
                assert own or not any("Night" in re.findall(r"\w+", text) for text in asked), (
                    f"{path.name}: {node.name}"
                )


def test_every_kind_of_artifact_is_made_by_a_stage_but_what_an_erasure_keeps() -> None:
    assert {kind for stage in STAGES for kind in stage.makes} == set(catalogue()) - {"erased"}


def test_a_name_that_is_no_stage_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match="one of extract, freeze"):
        stage_named("learn")


@pytest.mark.parametrize(("name", "shard"), [("precompute_shard", None), ("extract", 0)])
def test_a_shard_that_is_lacking_or_too_much_is_refused(name: str, shard: int | None) -> None:
    with pytest.raises(ConfigError, match=f"{name} with"):
        run_on(None, name, shard)  # type: ignore[arg-type]  # nothing is opened before
