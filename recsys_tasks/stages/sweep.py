"""The weekly sweep: remove publications, artifacts, logs and errors that nothing needs any more,
and what killed stages left.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from sqlalchemy import Engine, text

from recsys_tasks.config import load_config, read_environment
from recsys_tasks.database.shared_texts import forget_errors
from recsys_tasks.kernels import remove_old_machine_code
from recsys_tasks.lake import Lake
from recsys_tasks.lake.keys import TowerKey, publication_token
from recsys_tasks.retention import plan as storage
from recsys_tasks.retention import texts
from recsys_tasks.serving.publication import current_publication
from recsys_tasks.serving.retire import drop_old, forget_history
from recsys_tasks.stages.night import Night
from recsys_tasks.stages.pipeline import AFTER_APPROVAL, STAGE_NAMES
from recsys_tasks.stages.time_limit import limit_minutes
from recsys_tasks.stages.work_locks import alone

_OF_LATE = text(
    "SELECT DISTINCT as_of FROM recsys.stage_runs WHERE finished_at > now() - interval '3 days'"
)
_LAST = text(
    "SELECT as_of FROM recsys.stage_runs GROUP BY as_of ORDER BY max(finished_at) DESC LIMIT 3"
)

_FIRST_OF_LATE = text(
    "SELECT min(finished_at) FROM recsys.stage_runs WHERE as_of IN (SELECT DISTINCT as_of"
    " FROM recsys.stage_runs ORDER BY as_of DESC LIMIT :nights)"
)

TOLD_DAYS = 30
"""Errors and logs stay at least so long, and at least as long as the nights that stay whole."""
_SLACK = timedelta(hours=1)
"""What a stage may take to end after its limit, and clocks of hosts may differ."""
SWEEP_LOOKS = 900  # half an hour: a sweep waits until no stage is running


def run_maintain_storage(now: datetime) -> str:
    """Remove publications, artifacts, logs and errors that nothing needs any more, and what killed
    stages left; one line on what went.

    Age is counted in nights that ran, not from today's date: see `retention.plan`.
    """
    environment = read_environment()
    lake = Lake(environment.lake, cache=environment.home / "lake-cache")
    ran = storage.nights_of(lake)
    if not ran:
        return "no night has run: nothing to remove"
    night = Night.open(load_config(environment.config_path), environment, max(ran), now)
    return sweep(night, ran, now)


def sweep(night: Night, ran: frozenset[date], now: datetime) -> str:
    """See `run_maintain_storage`; `ran` are the nights of the lake, `night` the newest of them,
    `now` the present time, also of a simulated shop.
    """
    with alone(night.engine, night.lake, looks=SWEEP_LOOKS):
        dropped = drop_old(night.engine, night.config.serving.keep_publications, night.now)
        kept = night.config.monitoring
        forget_history(night.engine, kept.history_nights, kept.figure_nights)
        in_use = _in_use(night, ran)
        in_use = replace(in_use, references=storage.snapshot_parts(night.lake, in_use))
        plan = storage.plan_retention(storage.stored(night.lake), in_use)
        removed = storage.apply(night.lake, plan)
        killed = night.lake.remove_unfinished(before=now - _longest_try(night) - _SLACK)
    remove_old_machine_code()
    megabytes = plan.bytes_to_free / 1e6
    return (
        f"dropped {len(dropped)} publications, removed {len(removed)} artifacts"
        f" ({megabytes:.0f} MB), {len(killed)} attempts of killed stages,"
        f" {_told_long_ago(night, now)}"
    )


def _longest_try(night: Night) -> timedelta:
    """Nobody writes to an attempt for longer: a stage is ended then. The lock alone does not say
    so: the page of a stage that failed is written without it, and a stage may have lost it.
    """
    names = (*STAGE_NAMES, AFTER_APPROVAL.name)
    return timedelta(minutes=max(limit_minutes(name, night.config.schedule) for name in names))


def oldest_told(engine: Engine, nights: int, now: datetime) -> datetime:
    """From when on errors, logs and Airflow's rows stay: of the last so many nights that ran, be
    it long ago, and of the last thirty days.
    """
    with engine.connect() as connection:
        first = connection.scalar(_FIRST_OF_LATE, {"nights": nights})
    days = now - timedelta(days=TOLD_DAYS)
    return days if first is None else min(days, first - timedelta(days=1))


def _told_long_ago(night: Night, now: datetime) -> str:
    before = oldest_told(night.engine, night.config.serving.keep_publications, now)
    home = night.environment.home
    errors = texts.remove_old(home / "errors", before)
    count = errors.files + forget_errors(night.engine, before)
    logs = texts.remove_old(home / "airflow" / "logs", before)
    growing = [*(home / "airflow" / "processes").glob("*.log"), home / "postgres" / "log"]
    freed = logs.bytes + sum(map(texts.cut, growing))
    said = f"{count} errors of tasks, {logs.files} logs ({freed / 1e6:.0f} MB)"
    refused = errors.refused + logs.refused
    return f"{said}; {refused} files could not be removed" if refused else said


def _in_use(night: Night, ran: frozenset[date]) -> storage.InUse:
    from recsys_tasks.registry.registry import ALIASES
    from recsys_tasks.retrieval.tower.versions import current_lineage

    releases = {
        release: f"the registry's {alias}"
        for alias in ALIASES
        if (release := night.registry.alias(alias)) is not None
    }
    lineages = dict.fromkeys(
        night.serving.anchor_lineage(lambda: night.gate), "the anchor's lineage"
    )
    lineages |= dict.fromkeys(night.serving.champion_lineage(), "the champion's lineage")
    tonight = current_lineage(night.lake, night.config, night.as_of)
    if tonight is not None:
        lineages.setdefault(tonight, "the lineage in training")
    query = text(
        "SELECT as_of, fingerprint, tower_version FROM recsys.publication WHERE retired_at IS NULL"
    )
    with night.engine.connect() as connection:
        kept = connection.execute(query).all()
    busy = at_work_of_late(night.engine, simulated=night.config.clock == "simulated")
    tokens = {publication_token(row.as_of, row.fingerprint): "a kept publication" for row in kept}
    for row in kept:
        if row.tower_version:
            lineage = TowerKey.parse(row.tower_version).lineage
            lineages.setdefault(lineage, "a kept publication's lineage")
    shown = current_publication(night.engine)
    return storage.InUse(
        # A night of a mistyped, far date must not make the others old.
        as_of=min(night.as_of, shown.as_of) if shown else night.as_of,
        nights=night.config.serving.keep_publications,
        ran=ran,
        busy=busy,
        gate_days=(night.config.ranker.windows + 1) * night.config.label_window_days,
        releases=releases,
        lineages=lineages,
        publications=tokens,
    )


def at_work_of_late(engine: Engine, *, simulated: bool) -> frozenset[date]:
    """Nights that were at work in the last three days; of a simulated shop, where a month of nights
    may run within an hour, the three that were at work last.
    """
    with engine.connect() as connection:
        return frozenset(connection.scalars(_LAST if simulated else _OF_LATE))
