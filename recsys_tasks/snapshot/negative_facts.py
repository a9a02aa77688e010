"""What a snapshot says of negative events: the settings they were read under, and figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date

from recsys_tasks.config import Config
from recsys_tasks.lake import Artifact
from recsys_tasks.snapshot.day_files import NEGATIVES_FACT
from recsys_tasks.snapshot.taken_back import taken_back


def negative_files(config: Config) -> dict[str, str]:
    """File of a snapshot with the settings of negative events, so that whatever is made of the
    snapshot is made anew when they change; none where the shop has no negative events.
    """
    kinds = [kind.model_dump() for kind in config.events.negatives]
    return {"negatives.json": json.dumps(kinds, indent=1)} if kinds else {}


def has_rows(day: Artifact) -> bool:
    """Whether an `events` artifact has events or negative events."""
    return bool(day.rows or day.facts.get(NEGATIVES_FACT))


def negative_figures(config: Config, parts: Mapping[date, Artifact]) -> dict[str, int]:
    """Negative events of all days, and how many events they took back; empty where the shop has
    none.
    """
    if not config.events.negatives:
        return {}
    days = [parts[day] for day in sorted(parts)]
    return {
        "negatives": sum(day.facts.get(NEGATIVES_FACT, 0) for day in days),
        "taken_back": sum(map(len, taken_back(days, config.events))),
    }
