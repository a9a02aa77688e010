"""What the judge stage does: measure challenger and champion on the same users and window, decide,
and carry the decision out.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Engine

from recsys_tasks.clock import parse_day
from recsys_tasks.config import Config, config_hash
from recsys_tasks.errors import ArtifactError, DamagedArtifact
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
from recsys_tasks.lake import Artifact, Lake
from recsys_tasks.lake.keys import NightKey, ReleaseKey
from recsys_tasks.ranking.models.ranker import scores_are_probabilities
from recsys_tasks.registry.registry import ANCHOR, CHAMPION, Registry
from recsys_tasks.stages import stage_log
from recsys_tasks.stages.alarms import OnCall
from recsys_tasks.stages.judging.alarm import tell_of_verdict
from recsys_tasks.stages.judging.canaries import canaries, counted_again
from recsys_tasks.stages.judging.gate_figures import record_figures
from recsys_tasks.stages.judging.generator_figures import record_generators
from recsys_tasks.stages.judging.headroom_figures import record_headroom
from recsys_tasks.stages.judging.measure import System, measure, popularity, retrieval_order
from recsys_tasks.stages.judging.window import GateWindow, Judged, judged_users
from recsys_tasks.stages.outcome import Outcome
from recsys_tasks.stages.records import last_trained
from recsys_tasks.stages.serving_state import Serving, release_facts, release_lineage

log = logging.getLogger(__name__)

SECONDS_A_MINUTE = 60.0


@dataclass(frozen=True)
class Gate:
    """The inputs of the stage `judge`: gate window, serving release, receiver of alarms, and
    tonight's index, if there is one.
    """

    window: GateWindow
    serving: Serving
    on_call: OnCall
    index: Artifact | None

    @property
    def config(self) -> Config:
        """The night's settings."""
        return self.window.config

    @property
    def lake(self) -> Lake:
        """The store of artifacts."""
        return self.window.snapshot.lake

    @property
    def registry(self) -> Registry:
        """The model registry."""
        return self.serving.registry


def judge(gate: Gate) -> Outcome:
    """Evaluate on [E, as_of), decide, move the alias, keep the decision."""
    challenger = challenger_of(gate.lake, gate.on_call.engine, gate.window.as_of)
    minutes = gate.config.gate.wait_minutes
    with gate.registry.judging(minutes * SECONDS_A_MINUTE) as alone:
        if alone:
            return _judge_alone(gate, challenger)
    why = f"another gate was still at work after {minutes} minutes; rerun judge when it is done"
    decision = not_judged(challenger.key, gate.registry.champion(), _context(gate), why, "refuse")
    gate.registry.record_decision(decision, gate.on_call.now, {})
    tell_of_verdict(gate.on_call, gate.serving, decision)
    return Outcome(None, 0, _shown(decision, {}), note=decision.paragraph)


def _judge_alone(gate: Gate, challenger: Artifact) -> Outcome:
    gate.registry.reconcile(gate.on_call.now, gate.serving.why_unusable)
    champion = gate.registry.champion()
    inputs = {"challenger": challenger.content, "snapshot": gate.window.snapshot.artifact.content}
    earlier = gate.lake.newest("decision", str(NightKey(gate.window.as_of)))
    if earlier is not None and {k: earlier.manifest["inputs"].get(k) for k in inputs} == inputs:
        known = read_decision(earlier)
        tell_of_verdict(
            gate.on_call, gate.serving, known
        )  # again, for a judge that was killed before it told: repeated, it is no news
        return Outcome(earlier, earlier.rows, _shown(known, {}))
    later = [key for key in gate.lake.keys("decision") if parse_day(key) > gate.window.as_of]
    if later:
        why = f"backfill: the night of {later[-1]} was judged already"
        found = Verdict(not_judged(challenger.key, champion, _context(gate), why), None, {})
    else:
        found = evaluate_and_decide(gate, challenger, champion)
    inputs |= {"champion": champion or ""}
    artifact = write_decision(
        gate.lake, found.decision, inputs, config_hash(gate.config.gate), found.figures
    )
    summary = found.ours.summary if found.ours else {}
    gate.registry.record_decision(
        found.decision,
        gate.on_call.now,
        _finite(summary),
        curves(found.ours) if found.ours else None,
    )
    if not later:
        _carry_out(gate, found.decision)
    tell_of_verdict(gate.on_call, gate.serving, found.decision)
    record_figures(gate.on_call.engine, gate.window.as_of, found.figures)
    record_generators(gate.on_call.engine, gate.window, release_lineage(challenger))
    if found.ours is not None:  # else its lists could not be made
        record_headroom(gate.on_call.engine, gate.window, challenger)
    return Outcome(artifact, artifact.rows, _shown(found.decision, summary))


def _carry_out(gate: Gate, decision: GateDecision) -> None:
    """Move the alias as decided, unless a person has to agree; and fix the anchor anew when it is
    due.
    """
    registry, now, rules = gate.registry, gate.on_call.now, gate.config.gate
    if not decision.promotes:
        registry.reject(decision.challenger, who="gate", why=decision.paragraph, at=now)
    elif not rules.approval:
        registry.promote(decision.challenger, who="gate", why=decision.paragraph, at=now)
    champion, fixed, days = registry.champion(), registry.since(ANCHOR), rules.anchor_days
    if champion is not None and (fixed is None or (now - fixed).days >= days):
        registry.set_alias(ANCHOR, champion, who="gate", why=f"fixed every {days} days", at=now)


def challenger_of(lake: Lake, engine: Engine, as_of: date) -> Artifact:
    """What tonight's last training made. Raises ArtifactError when nothing was trained."""
    reference = last_trained(engine, as_of)
    if reference:
        return stage_log.reads(lake.get(reference))
    return stage_log.reads(lake.require("release", ReleaseKey.stem(as_of)))


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
class Verdict:
    """The gate's decision, the challenger's evaluation where there was one, and the figures of
    all.
    """

    decision: GateDecision
    ours: Evaluation | None
    figures: Mapping[str, Any]


def evaluate_and_decide(gate: Gate, challenger: Artifact, champion: str | None) -> Verdict:
    """Measure the challenger, the champion and what they are compared with, and decide.

    A challenger that cannot rank is refused. Raises DamagedArtifact.
    """
    window = gate.window
    judged, seed = judged_users(window), gate.config.resources.seed
    log.info("judges %s users on what they did from %s on", len(judged.users), window.cutoffs)
    try:
        ours, baseline = measure(window, judged, challenger), popularity(judged)
    except DamagedArtifact:
        raise
    except ArtifactError as error:
        why = f"the release cannot rank: {error.expected}: {error.found}"
        return Verdict(
            not_judged(challenger.key, champion, _context(gate), why, "refuse"), None, {}
        )
    theirs, fault = _other(gate, window, judged, champion)
    anchor, anchor_fault = _anchor(gate, window, judged, (champion, challenger.key))
    first = champion is None and release_facts(challenger)["mode"] != "retrieval"
    retrieval = retrieval_order(window, judged, challenger) if first else None
    roles = {"challenger": ours, "champion": theirs, "anchor": anchor, "retrieval": retrieval}
    systems = {role: system for role, system in roles.items() if system is not None}
    planted = canaries(window, judged, ours, challenger)
    planted = replace(planted, recount=counted_again(window, judged, systems, challenger))
    case = GateCase(
        challenger=ours.evaluation,
        champion=theirs.evaluation if theirs else None,
        baseline=baseline,
        rules=gate.config.gate,
        context=_context(gate, champion if fault else None, fault, anchor_fault),
        anchor=anchor.evaluation if anchor else None,
        canaries=planted,
        running=_running(gate, challenger, champion if theirs else None),
        retrieval=retrieval.evaluation if retrieval else None,
    )
    decision = decide(case)
    measured = {role: system.evaluation for role, system in systems.items()}
    for role, evaluation in measured.items():
        log.info(
            "%s %s: ndcg@10 %.4f",
            role,
            evaluation.system,
            evaluation.summary.get("ndcg@10", float("nan")),
        )
    figures = all_figures(
        {**measured, "popularity": baseline}, planted.columns, gate.config.gate, seed
    )
    return Verdict(decision, ours.evaluation, figures)


def _context(
    gate: Gate,
    champion: str | None = None,
    fault: str | None = None,
    anchor_fault: str | None = None,
) -> GateContext:
    since = gate.registry.since(CHAMPION)
    return GateContext(
        as_of=gate.window.as_of,
        window_start=gate.window.cutoffs.history_before,
        champion_age_days=(gate.on_call.now - since).days if since else None,
        seed=gate.config.resources.seed,
        champion=champion,
        champion_fault=fault,
        anchor_fault=anchor_fault,
        asks_a_person=gate.config.gate.approval,
    )


def _other(
    gate: Gate, window: GateWindow, judged: Judged, release: str | None
) -> tuple[System | None, str | None]:
    """Another release on the same users, or why it cannot be judged: artifacts may be gone,
    settings changed.
    """
    if release is None:
        return None, None
    try:
        return measure(window, judged, gate.lake.get(gate.registry.source(release))), None
    except DamagedArtifact:
        raise
    except ArtifactError as error:
        return None, f"{error.expected}: {error.found}"


def _anchor(
    gate: Gate, window: GateWindow, judged: Judged, known: tuple[str | None, ...]
) -> tuple[System | None, str | None]:
    """The anchor, where it is none of the releases `known`, which are measured already."""
    anchor = gate.registry.alias(ANCHOR)
    return _other(gate, window, judged, anchor if anchor not in known else None)


def _running(gate: Gate, challenger: Artifact, champion: str | None) -> Running:
    """Tonight's index, and what both releases cost a user."""
    candidates = gate.config.generators.max_candidates
    survivors = gate.config.ranker.light_survivors
    index = gate.index
    theirs = gate.lake.get(gate.registry.source(champion)) if champion else None
    facts = release_facts(challenger)
    return Running(
        index_recall=(
            float(index.facts["recall"]) if index is not None and "recall" in index.facts else None
        ),
        index_floor=gate.config.index.recall_floor,
        cost=nodes_a_user(challenger, candidates, survivors),
        champion_cost=nodes_a_user(theirs, candidates, survivors) if theirs else None,
        unranked=str(facts["reason"]) if facts["mode"] == "retrieval" else None,
        scores_are_probabilities=scores_are_probabilities(challenger),
    )
