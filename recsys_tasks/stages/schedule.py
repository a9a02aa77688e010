"""What is due tonight: which cutoffs the night needs, and whether it trains a tower or a ranker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_tasks.clock import Cutoffs, parse_day

if TYPE_CHECKING:
    from recsys_tasks.stages.night import Night

NOT_DUE = "not due tonight: the champion serves"


def needed_cutoffs(night: Night) -> tuple[Cutoffs, ...]:
    """Every pair of cutoffs that tonight learns or scores at: label windows, the gate, tonight."""
    return (*night.label_windows, night.gate, night.tonight)


def tower_due(night: Night) -> bool:
    """Whether tonight's version is wanted, or the newest one is young enough to serve."""
    from recsys_tasks.retrieval.tower.versions import current_lineage, tower_at

    lineage = current_lineage(night.lake, night.config, night.as_of)
    tonight = night.tonight.learned_before
    newest = tower_at(night.lake, lineage, tonight) if lineage else None
    if newest is None or newest.learned_before == tonight:
        return True
    age = (tonight - newest.learned_before).days
    return age >= night.config.schedule.train_two_tower_every_days


def ranker_due(night: Night) -> bool:
    """Whether tonight trains and judges a ranker; always without a champion, and when it did so
    before.
    """
    decided = [
        parse_day(key) for key in night.lake.keys("decision") if parse_day(key) <= night.as_of
    ]
    if not decided or decided[-1] == night.as_of or night.registry.champion() is None:
        return True
    return (night.as_of - decided[-1]).days >= night.config.schedule.train_ranker_every_days
