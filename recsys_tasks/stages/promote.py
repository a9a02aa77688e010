"""Stage `promote`: make tonight's challenger champion because a person agreed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_tasks.stages.stage import NightArtifact, Stage

if TYPE_CHECKING:
    from recsys_tasks.lake import Artifact
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage("promote", minutes=10, opens=(NightArtifact("decision"),))


def run(night: Night, *, decision: Artifact) -> Outcome:
    """Promote; nothing when the champion is no longer the one that was compared."""
    from recsys_tasks.gate.decision import read_decision
    from recsys_tasks.stages.outcome import Outcome

    decided = read_decision(decision)
    champion = night.registry.champion()
    if not decided.promotes or champion != decided.champion:
        note = f"not promoted: the verdict was {decided.verdict}, the champion is {champion}"
        return Outcome(None, 0, note=note)
    why = f"approved in Airflow: {decided.paragraph}"
    night.registry.promote(decided.challenger, who="a person in Airflow", why=why, at=night.now)
    note = f"promoted {decided.challenger}"
    return Outcome(None, 1, {"release": decided.challenger}, note=note)
