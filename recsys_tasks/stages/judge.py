"""The judge stage: challenger and champion on the same users and window, then the gate, then the
registry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import text

from recsys_tasks.clock import parse_day
from recsys_tasks.config import config_hash
from recsys_tasks.errors import ArtifactError, DamagedArtifact, RecsysError
from recsys_tasks.gate.cost import nodes_a_user
from recsys_tasks.gate.decide import decide
from recsys_tasks.gate.decision import (
    GateContext,
    GateDecision,
    not_judged,
    read_decision,
    write_decision,
)
from recsys_tasks.gate.evaluate import Evaluation
from recsys_tasks.gate.figures import all_figures, curves
from recsys_tasks.gate.rules import GateCase, Running
from recsys_tasks.lake import Artifact
from recsys_tasks.ranking.models.ranker import scores_are_chances
from recsys_tasks.registry.registry import ANCHOR, CHAMPION
from recsys_tasks.stages.judging.alarm import tell_of_verdict
from recsys_tasks.stages.judging.generator_figures import record_generators
from recsys_tasks.stages.judging.measure import (
    Judged,
    System,
    canaries,
    counted_again,
    judged_users,
    measure,
    popularity,
    retrieval_order,
)
from recsys_tasks.stages.learning import NOT_DUE, ranker_due, release_facts
from recsys_tasks.stages.night import Night
from recsys_tasks.stages.outcome import Outcome
from recsys_tasks.stages.records import record_metrics

SECONDS_A_MINUTE = 60.0


def judge(night: Night) -> Outcome:
    """Evaluate on [E, as_of), decide, move the alias, keep the decision."""
    if not ranker_due(night):
        return Outcome(None, 0, note=NOT_DUE)
    challenger = _challenger(night)
    minutes = night.config.gate.wait_minutes
    with night.registry.judging(minutes * SECONDS_A_MINUTE) as alone:
        if alone:
            return _judge_alone(night, challenger)
    why = f"another gate was still at work after {minutes} minutes; rerun judge when it is done"
    decision = not_judged(challenger.key, night.registry.champion(), _context(night), why, "refuse")
    night.registry.record_decision(decision, night.now, {})
    tell_of_verdict(night, decision)
    return Outcome(None, 0, _shown(decision, {}), note=decision.paragraph)


def _judge_alone(night: Night, challenger: Artifact) -> Outcome:
    night.registry.reconcile(night.now, lambda release: why_unusable(night, release))
    champion = night.registry.champion()
    inputs = {"challenger": challenger.content, "snapshot": night.snapshot.artifact.content}
    earlier = night.lake.newest("decision", night.as_of.isoformat())
    if earlier is not None and {k: earlier.manifest["inputs"].get(k) for k in inputs} == inputs:
        known = read_decision(earlier)
        tell_of_verdict(
            night, known
        )  # again, for a judge that was killed before it told: repeated, it is no news
        return Outcome(earlier, earlier.rows, _shown(known, {}))
    later = [key for key in night.lake.keys("decision") if parse_day(key) > night.as_of]
    if later:
        why = f"backfill: the night of {later[-1]} was judged already"
        found = _Verdict(not_judged(challenger.key, champion, _context(night), why), None, {})
    else:
        found = _evaluate_and_decide(night, challenger, champion)
    inputs |= {"champion": champion or ""}
    artifact = write_decision(
        night.lake, found.decision, inputs, config_hash(night.config.gate), found.figures
    )
    summary = found.ours.summary if found.ours else {}
    night.registry.record_decision(
        found.decision, night.now, _finite(summary), curves(found.ours) if found.ours else None
    )
    if not later:
        _carry_out(night, found.decision)
    tell_of_verdict(night, found.decision)
    record_metrics(night.engine, night.as_of, "gate/challenger", summary)
    record_generators(night, str(release_facts(challenger)["lineage"]))
    return Outcome(artifact, artifact.rows, _shown(found.decision, summary))


def _carry_out(night: Night, decision: GateDecision) -> None:
    """Move the alias as decided, unless a person has to agree; and fix the anchor anew when it is
    due.
    """
    if not decision.promotes:
        night.registry.reject(decision.challenger, who="gate", why=decision.paragraph, at=night.now)
    elif not night.config.gate.approval:
        night.registry.promote(
            decision.challenger, who="gate", why=decision.paragraph, at=night.now
        )
    champion, fixed, days = (
        night.registry.champion(),
        night.registry.since(ANCHOR),
        night.config.gate.anchor_days,
    )
    if champion is not None and (fixed is None or (night.now - fixed).days >= days):
        night.registry.set_alias(
            ANCHOR, champion, who="gate", why=f"fixed every {days} days", at=night.now
        )


# --- after a person agreed -----------------------------------------------------------------------


def awaits_approval(night: Night) -> str | None:
    """The paragraph that a person is to agree with; None when tonight's decision moves nothing."""
    kept = night.lake.newest("decision", night.as_of.isoformat())
    decision = read_decision(kept) if kept is not None else None
    if (
        decision is None
        or not decision.promotes
        or night.registry.champion() == decision.challenger
    ):
        return None
    return decision.paragraph


def promote(night: Night) -> Outcome:
    """Promote tonight's challenger because a person agreed; nothing when the champion is no longer
    the one compared.
    """
    decision = read_decision(night.lake.require("decision", night.as_of.isoformat()))
    champion = night.registry.champion()
    if not decision.promotes or champion != decision.champion:
        return Outcome(
            None,
            0,
            note=f"not promoted: the verdict was {decision.verdict}, the champion is {champion}",
        )
    why = f"approved in Airflow: {decision.paragraph}"
    night.registry.promote(decision.challenger, who="a person in Airflow", why=why, at=night.now)
    return Outcome(
        None, 1, {"release": decision.challenger}, note=f"promoted {decision.challenger}"
    )


# --- small things --------------------------------------------------------------------------------


def _challenger(night: Night) -> Artifact:
    """What tonight's last training made: one night may have several releases, of several
    settings.
    """
    query = text(
        "SELECT artifact FROM recsys.stage_runs WHERE as_of = :day AND stage = 'train_ranker' "
        "AND artifact LIKE 'release/%' ORDER BY id DESC LIMIT 1"
    )
    with night.engine.connect() as connection:
        reference = connection.execute(query, {"day": night.as_of}).scalar()
    return (
        night.lake.get(reference)
        if reference
        else night.lake.require("release", f"r{night.as_of:%Y%m%d}")
    )


def why_unusable(night: Night, release: str) -> str | None:
    """Why a release that somebody names cannot serve; None when it can."""
    from recsys_tasks.ranking.models.ranker import Ranker

    try:
        Ranker.open(night.lake.get(night.registry.source(release)))
    except RecsysError as error:
        return f"{error.found}: {error.expected}"
    return None


def _shown(
    decision: GateDecision, summary: Mapping[str, float]
) -> dict[str, str | int | float | bool | None]:
    names = ("ndcg@10", "hr@10", "discovery/ndcg@10", "coverage@10", "calibration_error", "users")
    found = {
        name: round(summary[name], 5)
        for name in names
        if name in summary and summary[name] == summary[name]
    }
    return {
        "verdict": decision.verdict,
        "challenger": decision.challenger,
        "champion": decision.champion,
        **found,
    }


def _finite(summary: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in summary.items() if value == value}


# --- measuring and deciding ----------------------------------------------------------------------


@dataclass(frozen=True)
class _Verdict:
    decision: GateDecision
    ours: Evaluation | None
    figures: Mapping[str, Any]


def _evaluate_and_decide(night: Night, challenger: Artifact, champion: str | None) -> _Verdict:
    judged, seed = judged_users(night), night.config.resources.seed
    try:
        ours, baseline = measure(night, judged, challenger), popularity(judged)
    except DamagedArtifact:
        raise
    except ArtifactError as error:
        why = f"the release cannot rank: {error.expected}: {error.found}"
        return _Verdict(
            not_judged(challenger.key, champion, _context(night), why, "refuse"), None, {}
        )
    theirs, fault = _other(night, judged, champion)
    anchor, anchor_fault = _anchor(night, judged, challenger, champion)
    first = champion is None and release_facts(challenger)["mode"] != "retrieval"
    retrieval = retrieval_order(night, judged, challenger) if first else None
    roles = {"challenger": ours, "champion": theirs, "anchor": anchor, "retrieval": retrieval}
    systems = {role: system for role, system in roles.items() if system is not None}
    planted = canaries(night, judged, ours, challenger)
    planted = replace(planted, recount=counted_again(night, judged, systems, challenger))
    case = GateCase(
        challenger=ours.evaluation,
        champion=theirs.evaluation if theirs else None,
        baseline=baseline,
        rules=night.config.gate,
        context=_context(night, champion if fault else None, fault, anchor_fault),
        anchor=anchor.evaluation if anchor else None,
        canaries=planted,
        running=_running(night, challenger, champion if theirs else None),
        retrieval=retrieval.evaluation if retrieval else None,
    )
    decision = decide(case)
    measured = {role: system.evaluation for role, system in systems.items()}
    figures = all_figures(
        {**measured, "popularity": baseline}, planted.columns, night.config.gate, seed
    )
    return _Verdict(decision, ours.evaluation, figures)


def _context(
    night: Night,
    champion: str | None = None,
    fault: str | None = None,
    anchor_fault: str | None = None,
) -> GateContext:
    since = night.registry.since(CHAMPION)
    return GateContext(
        as_of=night.as_of,
        window_start=night.timeline.gate_cutoff,
        champion_age_days=(night.now - since).days if since else None,
        seed=night.config.resources.seed,
        champion=champion,
        champion_fault=fault,
        anchor_fault=anchor_fault,
    )


def _other(night: Night, judged: Judged, release: str | None) -> tuple[System | None, str | None]:
    """Another release on the same users, or why it cannot be judged: artifacts may be gone,
    settings changed.
    """
    if release is None:
        return None, None
    try:
        return measure(night, judged, night.lake.get(night.registry.source(release))), None
    except DamagedArtifact:
        raise
    except ArtifactError as error:
        return None, f"{error.expected}: {error.found}"


def _anchor(
    night: Night, judged: Judged, challenger: Artifact, champion: str | None
) -> tuple[System | None, str | None]:
    anchor = night.registry.alias(ANCHOR)
    return _other(night, judged, anchor if anchor not in (champion, challenger.key) else None)


def _running(night: Night, challenger: Artifact, champion: str | None) -> Running:
    """Tonight's index, and what both releases cost a user."""
    candidates = night.config.generators.max_candidates
    survivors = night.config.ranker.light_survivors
    index = night.lake.newest("index", night.as_of.isoformat())
    theirs = night.lake.get(night.registry.source(champion)) if champion else None
    facts = release_facts(challenger)
    return Running(
        index_recall=(
            float(index.facts["recall"]) if index is not None and "recall" in index.facts else None
        ),
        index_floor=night.config.index.recall_floor,
        cost=nodes_a_user(challenger, candidates, survivors),
        champion_cost=nodes_a_user(theirs, candidates, survivors) if theirs else None,
        unranked=str(facts["reason"]) if facts["mode"] == "retrieval" else None,
        claims_chances=scores_are_chances(challenger),
    )
