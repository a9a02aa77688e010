"""Whether tonight trains a tower, and whether it trains a ranker, by the settings' `schedule`."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from recsys_tasks.clock import parse_day

if TYPE_CHECKING:
    from recsys_tasks.config import Config
    from recsys_tasks.lake import Lake
    from recsys_tasks.stages.serving_state import Serving

NOT_DUE = "not due tonight: the champion serves"


def tower_due(lake: Lake, config: Config, as_of: date, learned_before: date) -> bool:
    """Whether tonight trains a tower version that learns up to `learned_before`; False where an
    earlier version is younger than `train_two_tower_every_days`.
    """
    from recsys_tasks.retrieval.tower.versions import current_lineage, tower_at

    lineage = current_lineage(lake, config, as_of)
    newest = tower_at(lake, lineage, learned_before) if lineage else None
    if newest is None or newest.learned_before == learned_before:
        return True
    age = (learned_before - newest.learned_before).days
    return age >= config.schedule.train_two_tower_every_days


def ranker_due(serving: Serving) -> bool:
    """Whether the night trains and judges a ranker. True, too, where there is no champion, and
    where this night has judged one already (a rerun).
    """
    as_of, judged = serving.as_of, serving.lake.keys("decision")
    decided = [day for key in judged if (day := parse_day(key)) <= as_of]
    if not decided or decided[-1] == as_of or serving.registry.champion() is None:
        return True
    return (as_of - decided[-1]).days >= serving.config.schedule.train_ranker_every_days
