"""Stage `promote`: make tonight's challenger champion because a person agreed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_tasks.stages.stage import Stage

if TYPE_CHECKING:
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage("promote", minutes=10, reads=("decision",))


def run(night: Night) -> Outcome:
    """Promote; nothing when the champion is no longer the one that was compared."""
    from recsys_tasks.gate.decision import read_decision
    from recsys_tasks.stages.outcome import Outcome

    decision = read_decision(night.lake.require("decision", night.as_of.isoformat()))
    champion = night.registry.champion()
    if not decision.promotes or champion != decision.champion:
        note = f"not promoted: the verdict was {decision.verdict}, the champion is {champion}"
        return Outcome(None, 0, note=note)
    why = f"approved in Airflow: {decision.paragraph}"
    night.registry.promote(decision.challenger, who="a person in Airflow", why=why, at=night.now)
    note = f"promoted {decision.challenger}"
    return Outcome(None, 1, {"release": decision.challenger}, note=note)
