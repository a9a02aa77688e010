"""Every stage of a night, in order: run one (Airflow's tasks) or all of them in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime
from time import perf_counter

from recsys_tasks.errors import ConfigError
from recsys_tasks.stages.night import Night, StageResult, local_environment
from recsys_tasks.stages.outcome import Outcome

__all__ = [
    "STAGES",
    "Night",
    "StageResult",
    "awaits_approval",
    "local_environment",
    "run_all",
    "run_maintain_storage",
    "run_on",
    "run_stage",
]

STAGES = (
    "extract",
    "freeze",
    "train_two_tower",
    "embed",
    "build_index",
    "build_examples",
    "train_ranker",
    "judge",
    "report",  # here, so that a night whose publication fails has its page
    "prepare_publication",
    "precompute_shard",
    "publish",
    "monitor",
    "report",  # again, now that readers' side is known
)
"""In the data's order; `precompute_shard` runs once a shard. Besides, `promote` runs after a person
agreed.
"""

SHARD_NICENESS = 10
"""Where the database runs beside the shards, its readers come first."""


def run_stage(
    name: str, as_of: date, *, shard: int | None = None, now: datetime | None = None
) -> StageResult:
    """Run one stage under the environment's settings, and record it. Raises RecsysError."""
    if name == "precompute_shard":
        os.nice(SHARD_NICENESS)
    night = Night.from_environment(as_of, now)
    return run_on(replace(night, shards_at_once=night.config.serving.parallel_shards), name, shard)


def run_all(
    night: Night, before: Callable[[str], None] = lambda name: None
) -> Iterator[StageResult]:
    """Run every stage of a night in this process; `before` hears each stage's name."""
    for name in STAGES:
        for shard in range(night.config.serving.shards) if name == "precompute_shard" else (None,):
            before(name if shard is None else f"{name} {shard}")
            yield run_on(night, name, shard)


def run_on(night: Night, name: str, shard: int | None = None) -> StageResult:
    """Run one stage of an opened night, and record it; one that fails leaves the night's page
    before it raises.
    """
    from recsys_tasks.stages.busy import at_work, in_turn
    from recsys_tasks.stages.failing import failures_on_the_page
    from recsys_tasks.stages.records import record_stage
    from recsys_tasks.stages.shop_clock import keep_time

    stage = name if shard is None else f"{name}.{shard}"
    with failures_on_the_page(night, stage):
        keep_time(night)
        known = set(_artifacts(night)) if name != "precompute_shard" else set()
        started = perf_counter()
        with at_work(night.engine, night.lake), in_turn(night.engine, night.lake, name):
            night.forget_what_was_replaced()
            outcome = _call(night, name, shard)
    seconds = perf_counter() - started
    result = StageResult(
        stage=stage,
        as_of=night.as_of,
        artifact=outcome.reference,
        rows=outcome.rows,
        seconds=round(seconds, 3),
        figures=dict(outcome.figures),
        reused=outcome.artifact is not None and outcome.reference in known,
    )
    record_stage(night.engine, result)
    return result


def _artifacts(night: Night) -> Iterator[str]:
    """References recorded by earlier runs of this night: what comes back unchanged is reused."""
    from sqlalchemy import text

    query = text(
        "SELECT DISTINCT artifact FROM recsys.stage_runs WHERE as_of = :day AND artifact IS NOT"
        " NULL"
    )
    with night.engine.connect() as connection:
        yield from connection.execute(query, {"day": night.as_of}).scalars()


def _call(night: Night, name: str, shard: int | None) -> Outcome:
    # Imported here: a task loads only the libraries of its own stage.
    if name in (
        "extract",
        "freeze",
        "train_two_tower",
        "embed",
        "build_index",
        "build_examples",
        "train_ranker",
    ):
        from recsys_tasks.stages import learning

        stage: Callable[[Night], Outcome] = getattr(learning, name)
        return stage(night)
    if name in ("judge", "promote"):
        from recsys_tasks.stages import judge as judging

        return judging.judge(night) if name == "judge" else judging.promote(night)
    if name == "monitor":
        from recsys_tasks.stages.monitor import monitor

        return monitor(night)
    if name == "report":
        from recsys_tasks.stages.report import report

        return report(night)
    return _publish(night, name, shard)


def _publish(night: Night, name: str, shard: int | None) -> Outcome:
    from recsys_tasks.stages import publishing

    if name == "prepare_publication":
        return publishing.prepare_publication(night)
    if name == "precompute_shard" and shard is not None:
        return publishing.precompute_one(night, shard)
    if name == "publish":
        return publishing.publish_lists(night)
    raise ConfigError(
        expected=(
            f"promote or one of {', '.join(dict.fromkeys(STAGES))}, with a shard for"
            " precompute_shard"
        ),
        found=f"{name!r}, shard {shard}",
        where="run_stage",
        remedy="correct the task's arguments",
    )


def awaits_approval(as_of: date) -> str | None:
    """See `judging.awaits_approval`."""
    from recsys_tasks.stages.judge import awaits_approval as awaits

    return awaits(Night.from_environment(as_of))


def run_maintain_storage(now: datetime) -> str:
    """See `sweeping.run_maintain_storage`."""
    from recsys_tasks.stages.maintain_storage import run_maintain_storage as sweep

    return sweep(now)
