"""The judge stage: challenger and champion on the same users and window, then the gate, then the registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from recsys_tasks import metrics
from recsys_tasks.clock import Cutoffs, start_of
from recsys_tasks.config import config_hash
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact
from recsys_tasks.pipeline.inputs import open_inputs, open_recommender
from recsys_tasks.pipeline.learning import NOT_DUE, ranker_due, release_facts
from recsys_tasks.pipeline.night import Night
from recsys_tasks.pipeline.outcome import Outcome
from recsys_tasks.pipeline.records import record_metrics
from recsys_tasks.release.decision import GateContext, GateDecision, read_decision, write_decision
from recsys_tasks.release.evaluate import (
    Evaluation,
    Truth,
    activity_slices,
    attribute_slices,
    evaluate,
    shuffled_truth,
    truth_between,
)
from recsys_tasks.release.gate import decide
from recsys_tasks.release.generator_recall import generator_recall
from recsys_tasks.serving.fallback import fallback_lists, segments
from recsys_tasks.serving.precompute import active_users

MAX_JUDGED_USERS = 50_000
MAX_CANDIDATE_USERS = 10_000
"""Users with a truth whose candidates are compared with it: a share of pairs is steady long before."""
K = 10


def judge(night: Night) -> Outcome:
    """Evaluate on [E, as_of), decide, move the alias, keep the decision."""
    if not ranker_due(night):
        return Outcome(None, 0, note=NOT_DUE)
    challenger = night.lake.require("release", _challenger_key(night))
    night.registry.reconcile(night.now, lambda release: _why_unusable(night, release))
    champion_id = night.registry.champion()
    inputs = {"challenger": challenger.content, "snapshot": night.snapshot.artifact.content}
    earlier = night.lake.newest("decision", night.as_of.isoformat())
    if earlier is not None and {k: earlier.manifest["inputs"].get(k) for k in inputs} == inputs:
        decision = read_decision(earlier)
        return Outcome(earlier, earlier.rows, _figures(decision, {}))
    champion = night.lake.get(night.registry.source(champion_id)) if champion_id else None
    decision, ours = _decide(night, challenger, champion)
    config = config_hash(night.config.gate)
    artifact = write_decision(night.lake, decision, {**inputs, "champion": champion_id or ""}, config)
    night.registry.record_decision(decision, night.now, {k: v for k, v in ours.summary.items() if v == v})
    if decision.promotes:
        night.registry.promote(challenger.key, who="gate", why=decision.paragraph, at=night.now)
    else:
        night.registry.reject(challenger.key, who="gate", why=decision.paragraph, at=night.now)
    record_metrics(night.engine, night.as_of, "gate/challenger", ours.summary)
    _record_generators(night, challenger)
    return Outcome(artifact, artifact.rows, _figures(decision, ours.summary))


def _challenger_key(night: Night) -> str:
    examples = night.lake.require("examples", night.as_of.isoformat())
    for key in reversed(night.lake.keys("release")):
        release = night.lake.require("release", key)
        if release.manifest["inputs"].get("examples") == examples.content:
            return key
    return f"r{night.as_of:%Y%m%d}"  # require() names what is missing


def _why_unusable(night: Night, release: str) -> str | None:
    """Why a release that somebody pointed the alias at cannot serve."""
    from recsys_tasks.errors import RecsysError
    from recsys_tasks.ranking.ranker import Ranker

    try:
        Ranker.open(night.lake.get(night.registry.source(release)))
    except RecsysError as error:
        return str(error)
    return None


def _figures(decision: GateDecision, summary: Mapping[str, float]) -> dict[str, str | int | float | bool | None]:
    names = ("ndcg@10", "hit_rate@10", "discovery/ndcg@10", "coverage@10", "calibration_error", "users")
    found = {name: round(summary[name], 5) for name in names if name in summary and summary[name] == summary[name]}
    return {"verdict": decision.verdict, "challenger": decision.challenger, "champion": decision.champion, **found}


# --- evaluation ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judged:
    """What every system is measured against at the gate's cutoffs."""

    users: Keys
    active: npt.NDArray[np.bool_]
    truth: Truth
    known: Truth
    by_objective: tuple[Truth, ...]
    counts: npt.NDArray[np.int64]
    slices: Mapping[str, npt.NDArray[np.bool_]]
    fallback: npt.NDArray[np.int32]


def _decide(night: Night, challenger: Artifact, champion: Artifact | None) -> tuple[GateDecision, Evaluation]:
    judged = _judged(night)
    lists, scores = _lists(night, judged, challenger)
    ours = _evaluate(night, judged, challenger.key, lists, scores)
    baseline = _evaluate(night, judged, "popularity", judged.fallback, None)
    mixed = shuffled_truth(judged.truth, night.config.resources.seed)
    shuffled = evaluate("shuffled labels", lists, mixed, counts=judged.counts, k=K)
    theirs = None
    if champion is not None:
        theirs = _evaluate(night, judged, champion.key, *_lists(night, judged, champion))
    since = night.registry.champion_since()
    age = (night.now - since).days if since else None
    context = GateContext(night.as_of, night.timeline.gate_cutoff, age, night.config.resources.seed)
    return decide(ours, theirs, baseline, night.config.gate, context, shuffled=shuffled), ours


def _judged(night: Night) -> Judged:
    """Users known before E: everyone counts, also those below the activity threshold (a sample when many)."""
    snapshot, cutoffs = night.snapshot, night.gate
    start, end = cutoffs.history, start_of(night.as_of)
    events = snapshot.events(before=night.as_of)
    past = events.before(start)
    users = np.unique(past.user)
    if len(users) > MAX_JUDGED_USERS:
        rng = np.random.default_rng([night.config.resources.seed, night.as_of.toordinal()])
        users = np.sort(rng.choice(users, MAX_JUDGED_USERS, replace=False))
    codes = sorted({code for o in night.config.objectives for code in night.config.objective_codes(o)})
    slices = activity_slices(np.bincount(past.user, minlength=snapshot.n_users)[users])
    for attribute in night.config.users.attributes:
        if attribute.kind == "categorical":
            slices |= attribute_slices(attribute.name, snapshot.users[attribute.name].to_numpy(object)[users])
    return Judged(
        users=users,
        active=np.isin(users, active_users(snapshot, night.config, cutoffs)),
        truth=truth_between(events, codes, start, end, users),
        known=truth_between(events, None, 0, start, users),
        by_objective=tuple(
            truth_between(events, night.config.objective_codes(o), start, end, users) for o in night.config.objectives
        ),
        counts=np.bincount(past.before(cutoffs.learned).item, minlength=snapshot.n_items),
        slices=slices,
        fallback=fallback_matrix(night, cutoffs, users),
    )


def fallback_matrix(night: Night, cutoffs: Cutoffs, users: Keys) -> npt.NDArray[np.int32]:
    """`[n, k] int32`: each user's segment's popular list, else everyone's, -1 at the end of a short one."""
    k = night.config.serving.k
    rows = {row["segment"]: row["items"] for row in fallback_lists(night.snapshot, night.config, cutoffs).to_pylist()}
    codes, names = segments(night.snapshot.users, night.config.users.segment_by)
    table = np.full((len(names) + 1, k), -1, np.int32)
    for place, name in enumerate([*names, ""]):
        chosen = rows.get(name) or rows.get("", [])
        table[place, : min(k, len(chosen))] = chosen[:k]
    return table[codes[users]]  # code -1 (no segment) is the last row: everyone's list


def _lists(night: Night, judged: Judged, release: Artifact) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Lists and scores `[n, k]` of all judged users: ranked for active ones, the fallback for the others."""
    k = night.config.serving.k
    inputs = open_inputs(night, str(release_facts(release)["lineage"]), night.gate)
    recommender = open_recommender(night, inputs, release)
    lists, scores = judged.fallback.copy(), np.zeros((len(judged.users), k), np.float32)
    rows = np.flatnonzero(judged.active)
    size = night.config.serving.block_users
    for start in range(0, len(rows), size):
        block = rows[start : start + size]
        ranked = recommender.recommend(judged.users[block], k, eligible=None)
        lists[block], scores[block] = ranked.items, ranked.scores
    return lists, scores


def _record_generators(night: Night, challenger: Artifact) -> None:
    """Recall of each generator at the gate's cutoffs, and what it alone found: metrics of `gate/generator=…`."""
    source = open_inputs(night, str(release_facts(challenger)["lineage"]), night.gate).source
    truth = _some_truth(night)
    size, c = night.config.serving.block_users, night.config.generators.max_candidates
    blocks = (source.block(truth.users[at : at + size]) for at in range(0, len(truth.users), size))
    for name, shares in generator_recall(blocks, truth).items():
        values = {f"{metric}@{c}": share for metric, share in shares.items()}
        record_metrics(night.engine, night.as_of, f"gate/generator={name}", values)


def _some_truth(night: Night) -> Truth:
    """What users known before E did in [E, as_of), of a sample when many did something."""
    start, end = night.gate.history, start_of(night.as_of)
    events = night.snapshot.events(before=night.as_of)
    codes = sorted({code for o in night.config.objectives for code in night.config.objective_codes(o)})
    window = events.between(start, end).of_kinds(codes)
    users = np.intersect1d(events.before(start).user, window.user).astype(np.int32)
    if len(users) > MAX_CANDIDATE_USERS:
        rng = np.random.default_rng([night.config.resources.seed, night.as_of.toordinal(), 2])
        users = np.sort(rng.choice(users, MAX_CANDIDATE_USERS, replace=False))
    return truth_between(events, codes, start, end, users)


def _evaluate(
    night: Night,
    judged: Judged,
    system: str,
    lists: npt.NDArray[np.int32],
    scores: npt.NDArray[np.float32] | None,
) -> Evaluation:
    found = evaluate(
        system, lists, judged.truth, counts=judged.counts, scores=scores, known=judged.known, slices=judged.slices, k=K
    )
    if scores is None:
        return found
    error = _calibration_error(night, judged, lists[:, :K], scores[:, :K])
    return replace(found, summary={**found.summary, "calibration_error": error})


def _calibration_error(
    night: Night, judged: Judged, lists: npt.NDArray[np.int32], scores: npt.NDArray[np.float32]
) -> float:
    """Of active users' scores against the weighted mean of what came true, objective by objective."""
    weights = np.array([o.weight for o in night.config.objectives])
    came_true = np.zeros(lists.shape)
    for weight, truth in zip(weights / weights.sum(), judged.by_objective, strict=True):
        came_true += weight * metrics.hit_matrix(lists, truth.offsets, truth.items)
    shown = (lists >= 0) & judged.active[:, None]
    return float(metrics.calibration_error(scores[shown].astype(float), came_true[shown]))
