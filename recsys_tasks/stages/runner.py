"""Run one stage, or all stages of a night: take the locks, open its artifacts, call it, record the
result.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import date, datetime
from importlib import import_module
from time import perf_counter

from recsys_tasks.errors import ConfigError
from recsys_tasks.lake import Artifact
from recsys_tasks.lake.keys import NightKey
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.erased_users import last_erasure
from recsys_tasks.stages import cost, stage_log
from recsys_tasks.stages.failures import failures_on_the_page
from recsys_tasks.stages.night import Night
from recsys_tasks.stages.outcome import Outcome, StageResult
from recsys_tasks.stages.pipeline import STAGES, stage_named
from recsys_tasks.stages.records import record_stage, recorded_artifacts
from recsys_tasks.stages.schedule import NOT_DUE, ranker_due
from recsys_tasks.stages.shop_clock import keep_time
from recsys_tasks.stages.stage import SNAPSHOT, Stage
from recsys_tasks.stages.telling import Telling
from recsys_tasks.stages.time_limit import limit_seconds, within
from recsys_tasks.stages.work_locks import at_work, in_turn

SHARD_NICENESS = 10
"""Shards run at a lower priority, so that a database on the same machine answers readers first."""


def run_stage(
    name: str,
    as_of: date,
    *,
    shard: int | None = None,
    now: datetime | None = None,
    more_tries: bool = False,
) -> StageResult:
    """Run one stage under the environment's settings, and record it. Raises RecsysError.

    `more_tries`: whether another try follows where this one takes unusually long.
    """
    if stage_named(name).sharded:
        os.nice(SHARD_NICENESS)
    night = Night.from_environment(as_of, now)
    night = replace(night, shards_at_once=night.config.serving.parallel_shards)
    return run_on(night, name, shard, more_tries=more_tries)


def run_all(
    night: Night, before: Callable[[str], None] = lambda name: None
) -> Iterator[StageResult]:
    """Run every stage of a night in this process; `before` is called with each stage's name."""
    for stage in STAGES:
        for shard in range(night.config.serving.shards) if stage.sharded else (None,):
            before(_label(stage, shard, " "))
            yield run_on(night, stage.name, shard)


def run_on(
    night: Night, name: str, shard: int | None = None, *, more_tries: bool = False
) -> StageResult:
    """Run one stage of an opened night, and record it; one that fails writes the night's report
    before it raises.

    Raises ConfigError for an unknown stage, for a missing shard number, and for one of a stage that
    has no shards; TimedOut after the stage's limit.
    """
    stage = _checked(stage_named(name), shard)
    label = _label(stage, shard, ".")
    telling = Telling(night, label)
    with telling.of_failure(), failures_on_the_page(night, label):
        stage_log.starts(label, night.as_of)
        keep_time(night.engine, night.now, simulated=night.config.clock == "simulated")
        # Whether anything is made anew is decided by `Lake.make`; `reused` only tells of it. A
        # shard's artifact belongs to this publication alone, so `reused` says nothing of it.
        known = set() if stage.sharded else recorded_artifacts(night.engine, night.as_of)
        started, worked = perf_counter(), cost.cpu_seconds()
        with ExitStack() as locks:
            locks.enter_context(at_work(night.engine, night.lake))
            locks.enter_context(_cache_in_use(night))
            if stage.takes_turns:
                locks.enter_context(in_turn(night.engine, night.lake, stage.name))
            night.forget_what_was_replaced()
            limit = limit_seconds(
                night.engine, name, label, night.config.schedule, more_tries=more_tries
            )
            with within(limit, label):
                outcome = _call(stage, night, shard)
    seconds = perf_counter() - started
    result = StageResult(
        stage=label,
        as_of=night.as_of,
        artifact=outcome.reference,
        rows=outcome.rows,
        seconds=round(seconds, 3),
        figures=dict(outcome.figures),
        reused=outcome.artifact is not None and outcome.reference in known,
        cpu_seconds=round(cost.cpu_seconds() - worked, 3),
        peak_bytes=cost.peak_bytes(),
    )
    record_stage(night.engine, result)
    stage_log.ended(result)
    telling.of_success(result)
    return result


def _cache_in_use(night: Night) -> AbstractContextManager[None]:
    bound = int(night.environment.lake_cache_gb * 1e9)
    return night.lake.cache_in_use(bound=bound, erased=last_erasure(night.lake))


def _checked(stage: Stage, shard: int | None) -> Stage:
    if stage.sharded == (shard is not None):
        return stage
    raise ConfigError(
        expected=f"{stage.name} with{'' if stage.sharded else 'out'} the number of a shard",
        found=f"shard {shard}",
        where="the arguments of the stage",
        remedy="correct the task's arguments",
    )


def _opened(stage: Stage, night: Night) -> dict[str, Artifact | Snapshot | None]:
    """Open the artifacts of `stage.opens`, by kind, and log each. Raises ArtifactError."""
    found: dict[str, Artifact | Snapshot | None] = {}
    key = str(NightKey(night.as_of))
    for one in stage.opens:
        if one == SNAPSHOT:
            stage_log.reads(night.snapshot.artifact)
            found[one.kind] = night.snapshot
            continue
        looked_for = night.lake.newest if one.optional else night.lake.require
        artifact = looked_for(one.kind, key)
        found[one.kind] = stage_log.reads(artifact) if artifact is not None else None
    return found


def _label(stage: Stage, shard: int | None, between: str) -> str:
    return stage.name if shard is None else f"{stage.name}{between}{shard}"


def _call(stage: Stage, night: Night, shard: int | None) -> Outcome:
    if stage.of_ranker and not ranker_due(night.serving):
        return Outcome(None, 0, note=NOT_DUE)
    # Import this stage's module only: a task loads no libraries of other stages.
    run: Callable[..., Outcome] = import_module(stage.module).run
    opened = _opened(stage, night)
    return run(night, shard, **opened) if stage.sharded else run(night, **opened)
