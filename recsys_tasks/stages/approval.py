"""Whether tonight's release waits for a person to agree with its promotion."""

from __future__ import annotations

from datetime import date

from recsys_tasks.gate.decision import read_decision
from recsys_tasks.stages.night import Night


def awaits_approval(as_of: date) -> str | None:
    """The paragraph that a person is to agree with; None when tonight's decision moves nothing."""
    night = Night.from_environment(as_of)
    kept = night.lake.newest("decision", as_of.isoformat())
    decision = read_decision(kept) if kept is not None else None
    if decision is None or not decision.promotes:
        return None
    if night.registry.champion() == decision.challenger:
        return None
    return decision.paragraph
