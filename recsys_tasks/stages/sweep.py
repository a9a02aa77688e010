"""The weekly sweep: remove publications and artifacts that nothing needs any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import Engine, text

from recsys_tasks.config import load_config, read_environment
from recsys_tasks.database.shared_texts import forget_errors
from recsys_tasks.kernels import remove_old_machine_code
from recsys_tasks.lake import Lake
from recsys_tasks.lake.keys import TowerKey, publication_token
from recsys_tasks.retention import plan as storage
from recsys_tasks.serving.publication import current_publication
from recsys_tasks.serving.retire import drop_old, forget_history
from recsys_tasks.stages.night import Night
from recsys_tasks.stages.work_locks import alone

_OF_LATE = text(
    "SELECT DISTINCT as_of FROM recsys.stage_runs WHERE finished_at > now() - interval '3 days'"
)
_LAST = text(
    "SELECT as_of FROM recsys.stage_runs GROUP BY as_of ORDER BY max(finished_at) DESC LIMIT 3"
)

SWEEP_LOOKS = 900  # half an hour: a sweep waits until no stage is running


def run_maintain_storage(now: datetime) -> str:
    """Remove publications and artifacts that nothing needs; one line on what went.

    Age is counted in nights that ran, not from today's date: see `retention.plan`.
    """
    environment = read_environment()
    lake = Lake(environment.lake, cache=environment.home / "lake-cache")
    ran = storage.nights_of(lake)
    if not ran:
        return "no night has run: nothing to remove"
    night = Night.open(load_config(environment.config_path), environment, max(ran), now)
    return sweep(night, ran)


def sweep(night: Night, ran: frozenset[date]) -> str:
    """See `run_maintain_storage`; `ran` are the nights of the lake, `night` the newest of them."""
    with alone(night.engine, night.lake, looks=SWEEP_LOOKS):
        dropped = drop_old(night.engine, night.config.serving.keep_publications, night.now)
        kept = night.config.monitoring
        forget_history(night.engine, kept.history_nights, kept.figure_nights)
        forget_errors(night.engine)
        in_use = _in_use(night, ran)
        in_use = replace(in_use, references=storage.snapshot_parts(night.lake, in_use))
        plan = storage.plan_retention(storage.stored(night.lake), in_use)
        removed = storage.apply(night.lake, plan)
    remove_old_machine_code()
    megabytes = plan.bytes_to_free / 1e6
    return (
        f"dropped {len(dropped)} publications, removed {len(removed)} artifacts"
        f" ({megabytes:.0f} MB)"
    )


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
