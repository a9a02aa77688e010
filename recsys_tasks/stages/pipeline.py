"""The stages of a night in their order, and the DAG that runs each of them."""

from __future__ import annotations

from collections.abc import Mapping

from recsys_tasks import dag_names
from recsys_tasks.errors import ConfigError
from recsys_tasks.stages import (
    build_examples,
    build_features,
    build_index,
    embed,
    extract,
    freeze,
    judge,
    monitor,
    precompute_shard,
    prepare_publication,
    promote,
    publish,
    report,
    train_ranker,
    train_two_tower,
)
from recsys_tasks.stages.stage import Stage

STAGES_BY_DAG: Mapping[str, tuple[Stage, ...]] = {
    dag_names.VALIDATE_DATA: (extract.STAGE, freeze.STAGE),
    dag_names.TRAIN_TWO_TOWER: (train_two_tower.STAGE,),
    dag_names.BUILD_INDEX: (embed.STAGE, build_index.STAGE),
    dag_names.TRAIN_RANKER: (
        build_features.STAGE,
        build_examples.STAGE,
        train_ranker.STAGE,
        judge.STAGE,
        report.STAGE,  # here, so that a night whose publication fails has its page
    ),
    dag_names.PRECOMPUTE_RECOMMENDATIONS: (
        prepare_publication.STAGE,
        precompute_shard.STAGE,
        publish.STAGE,
    ),
    dag_names.MONITOR_RECOMMENDATIONS: (
        monitor.STAGE,
        report.STAGE,  # again, now that readers' side is known
    ),
}
"""Name of a DAG → its stages, in order."""

AFTER_APPROVAL = promote.STAGE
"""Runs after a person agreed, where the settings ask for that; the night does not wait for it."""

STAGES: tuple[Stage, ...] = tuple(stage for stages in STAGES_BY_DAG.values() for stage in stages)
"""The stages of one night, in order."""

STAGE_NAMES: tuple[str, ...] = tuple(stage.name for stage in STAGES)
"""The names of `STAGES`, in their order."""

_BY_NAME: Mapping[str, Stage] = {stage.name: stage for stage in (*STAGES, AFTER_APPROVAL)}


def stage_named(name: str) -> Stage:
    """The stage of that name. Raises ConfigError, with the known names, if there is none."""
    if name not in _BY_NAME:
        raise ConfigError(
            expected=f"one of {', '.join(_BY_NAME)}",
            found=repr(name),
            where="the name of a stage",
            remedy="correct the task's arguments",
        )
    return _BY_NAME[name]
