"""What the gate measures: every system's lists at the gate's cutoffs, and what their users did in
the window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys_tasks import metrics
from recsys_tasks.clock import DAY_SECONDS, Cutoffs, day_of, start_of
from recsys_tasks.config import AfterDays
from recsys_tasks.errors import ArtifactError
from recsys_tasks.gate.canaries import (
    Canaries,
    Dealt,
    against_others,
    column_aucs,
    future_first,
    overlap,
)
from recsys_tasks.gate.evaluate import (
    Catalogue,
    Evaluation,
    Scored,
    Truth,
    evaluate,
    item_sets,
    truth_between,
)
from recsys_tasks.gate.recount import Recount
from recsys_tasks.gate.slices import activity_slices, attribute_slices
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact
from recsys_tasks.ranking.columns.matrix import Block, column_names, feature_matrix
from recsys_tasks.ranking.examples.watch_time import Watched, fulfilling
from recsys_tasks.ranking.lists.recommender import Recommender
from recsys_tasks.serving.fallback import fallback_lists, segments
from recsys_tasks.serving.precompute import active_users
from recsys_tasks.stages.inputs import open_inputs, open_recommender
from recsys_tasks.stages.judging.recount import Measured, recount
from recsys_tasks.stages.learning import release_facts
from recsys_tasks.stages.night import Night

MAX_JUDGED_USERS = 50_000
COLUMN_USERS = 400
"""Users with a truth whose candidates show whether a single feature knows the window."""
EARLIER_USERS = 2_000
"""Users of the window before the gate's who show whether users differ at all."""
K = 10

Lists = npt.NDArray[np.int32]
Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Judged:
    """What every system is measured against at the gate's cutoffs. Rows are `users`."""

    users: Keys
    active: npt.NDArray[np.bool_]
    truth: Truth
    known: Truth
    by_objective: tuple[Truth, ...]
    watched: tuple[Watched | None, ...]
    catalogue: Catalogue
    slices: Mapping[str, npt.NDArray[np.bool_]]
    fallback: Lists


def judged_users(night: Night) -> Judged:
    """Everyone who did something before or in the window (a sample when many), also those who get
    no own list.
    """
    snapshot, cutoffs, config = night.snapshot, night.gate, night.config
    start, end = cutoffs.history, start_of(night.as_of)
    events = snapshot.events(before=night.as_of)
    past = events.before(start)
    window = events.between(start, end)
    wanted = fulfilling(snapshot, window)
    users = np.union1d(past.user, wanted.user).astype(np.int32)
    if len(users) > MAX_JUDGED_USERS:
        rng = np.random.default_rng([config.resources.seed, night.as_of.toordinal()])
        users = np.sort(rng.choice(users, MAX_JUDGED_USERS, replace=False))
    slices = activity_slices(np.bincount(past.user, minlength=snapshot.n_users)[users])
    for attribute in config.users.attributes:
        slices |= attribute_slices(
            attribute, snapshot.users[attribute.name].to_numpy(object)[users]
        )
    category = config.items.category
    return Judged(
        users=users,
        active=np.isin(users, active_users(snapshot, config, cutoffs)),
        truth=truth_between(wanted, None, start, end, users),
        known=truth_between(events, None, 0, start, users),
        by_objective=tuple(
            truth_between(window, config.objective_codes(o), start, end, users)
            for o in config.objectives
        ),
        watched=tuple(Watched.of(snapshot, o, window) for o in config.objectives),
        catalogue=Catalogue(
            np.bincount(past.before(cutoffs.learned).item, minlength=snapshot.n_items),
            (
                pd.factorize(snapshot.items[category], sort=True)[0].astype(np.int64)
                if category
                else None
            ),
        ),
        slices=slices,
        fallback=fallback_matrix(night, cutoffs, users),
    )


def fallback_matrix(night: Night, cutoffs: Cutoffs, users: Keys) -> Lists:
    """`[n, k] int32`: each user's segment's popular list, else everyone's, -1 at the end of a short
    one.
    """
    k = night.config.serving.k
    rows = {
        row["segment"]: row["items"]
        for row in fallback_lists(night.snapshot, night.config, cutoffs).to_pylist()
    }
    codes, names = segments(night.snapshot.users, night.config.users.segment_by)
    table = np.full((len(names) + 1, k), -1, np.int32)
    for place, name in enumerate([*names, ""]):
        chosen = rows.get(name) or rows.get("", [])
        table[place, : min(k, len(chosen))] = chosen[:k]
    return table[codes[users]]  # code -1 (no segment) is the last row: everyone's list


@dataclass(frozen=True)
class System:
    """A release's lists and scores `[n, k]` of the judged users, and how they fared."""

    lists: Lists
    evaluation: Evaluation
    scores: Scores


def measure(night: Night, judged: Judged, release: Artifact) -> System:
    """Rank all judged users with a release: active ones by it, the others get the fallback. Raises
    RecsysError.
    """
    recommender, size = _recommender(night, release), night.config.serving.block_users
    lists, scores = _ranked(night, judged, recommender)
    scored = Scored(scores, _came_true(night, judged, lists), judged.active)
    evaluation = _evaluated(judged, release.key, lists, scored)
    fault = evaluation.fault or _missing_scores(recommender, judged.users[judged.active][:size])
    return System(lists, replace(evaluation, fault=fault), scores)


def _ranked(night: Night, judged: Judged, recommender: Recommender) -> tuple[Lists, Scores]:
    k, size = night.config.serving.k, night.config.serving.block_users
    lists, scores = judged.fallback.copy(), np.zeros((len(judged.users), k), np.float32)
    rows = np.flatnonzero(judged.active)
    for start in range(0, len(rows), size):
        block = rows[start : start + size]
        ranked = recommender.recommend(judged.users[block], k, eligible=None)
        lists[block], scores[block] = ranked.items, ranked.scores
    return lists, scores


def retrieval_order(night: Night, judged: Judged, release: Artifact) -> System:
    """The order of retrieval of a release's lineage, which serves while there is no champion.
    Raises RecsysError.
    """
    inputs = open_inputs(night, str(release_facts(release)["lineage"]), night.gate)
    lists, scores = _ranked(night, judged, open_recommender(night, inputs, None))
    return System(
        lists, _evaluated(judged, "retrieval order", lists, None), scores
    )  # its scores are no chances


def _missing_scores(recommender: Recommender, users: Keys) -> str | None:
    """NaN scores in words: such candidates never reach a list, so the lists alone do not show
    them.
    """
    scores = recommender.scores(Block(recommender.inputs, recommender.inputs.source.block(users)))
    missing = int(np.isnan(scores).sum())
    return f"{missing} scores of {len(users)} users' candidates are NaN" if missing else None


def popularity(judged: Judged) -> Evaluation:
    """Plain popularity: everyone gets the segment's fallback."""
    return _evaluated(judged, "popularity", judged.fallback, None)


def canaries(night: Night, judged: Judged, system: System, release: Artifact) -> Canaries:
    """What the evaluation of this release must tell apart."""
    planted, barred = (
        future_first(system.lists, judged.truth),
        _barred(night, night.gate, judged.users, judged.known),
    )
    seed = night.config.resources.seed
    return Canaries(
        shuffled=against_others(
            system.lists, judged.truth, judged.catalogue, seed, K, barred=barred
        ),
        earlier=window_before(night, judged, release),
        future=evaluate("future feature", planted, judged.truth, catalogue=judged.catalogue, k=K),
        columns=single_columns(night, judged, release),
        popularity_overlap=overlap(
            system.lists[judged.active, :K], judged.fallback[judged.active, :K]
        ),
    )


def window_before(night: Night, judged: Judged, release: Artifact) -> Dealt | None:
    """The order of retrieval one window before the gate's, against its users' truth and against
    others'.

    None without such a window, or where what was known before it is gone.
    """
    if not night.label_windows:
        return None
    cutoffs, end = night.label_windows[0], night.gate.history
    try:
        inputs = open_inputs(night, str(release_facts(release)["lineage"]), cutoffs)
    except ArtifactError:
        return None
    events = night.snapshot.events(since=cutoffs.history_before, before=night.gate.history_before)
    wanted = fulfilling(night.snapshot, events.between(cutoffs.history, end))
    users = np.intersect1d(active_users(night.snapshot, night.config, cutoffs), wanted.user).astype(
        np.int32
    )
    rng = np.random.default_rng([night.config.resources.seed, 31])
    users = np.sort(rng.choice(users, min(len(users), EARLIER_USERS), replace=False))
    truth = truth_between(wanted, None, cutoffs.history, end, users)
    places = 3 * K  # enough that a list from which another user's known items are taken still has K
    lists = open_recommender(night, inputs, None).recommend(users, places, eligible=None).items
    barred = _barred(night, cutoffs, users)
    return against_others(
        lists, truth, judged.catalogue, night.config.resources.seed, K, barred=barred
    )


def _barred(
    night: Night, cutoffs: Cutoffs, users: Keys, known: Truth | None = None
) -> Truth | None:
    """What the policy on repeats keeps out of each list; `known`: all that the users have had,
    where it is at hand.
    """
    policy = night.config.repeat_consumption
    if policy == "allow":
        return None
    if known is not None and policy == "forbid":
        return known
    since = (
        cutoffs.history - policy.after_days * DAY_SECONDS if isinstance(policy, AfterDays) else 0
    )
    events = night.snapshot.events(
        since=day_of(since) if since else None, before=cutoffs.history_before
    )
    return truth_between(events, None, since, cutoffs.history, users)


def counted_again(
    night: Night, judged: Judged, systems: Mapping[str, System], release: Artifact
) -> Recount:
    """A sample of the evaluation, counted a second time from the delivered rows; `systems` has the
    challenger first.
    """
    popular = Measured(judged.fallback, popularity(judged))
    measured = [
        *(Measured(system.lists, system.evaluation) for system in systems.values()),
        popular,
    ]
    scores = next(iter(systems.values())).scores
    examples = night.lake.newest("examples", night.as_of.isoformat())
    return recount(
        night, judged.truth, judged.active, measured, scores, _recommender(night, release), examples
    )


def single_columns(night: Night, judged: Judged, release: Artifact) -> dict[str, float]:
    """AUC of each feature alone among candidates at the gate's cutoffs; empty when nobody did
    anything.
    """
    some = np.flatnonzero(judged.active & (judged.truth.sizes > 0))
    if not len(some):
        return {}
    rng = np.random.default_rng([night.config.resources.seed, 23])
    some = np.sort(rng.choice(some, min(len(some), COLUMN_USERS), replace=False))
    recommender = _recommender(night, release)
    block = Block(recommender.inputs, recommender.inputs.source.block(judged.users[some]))
    ranker = recommender.ranker
    names = (
        ranker.heavy_names
        if ranker is not None and ranker.has_heavy
        else column_names(recommender.inputs)
    )
    matrix = feature_matrix(block, names)
    chosen = np.isin(judged.truth.rows, some)
    rows = np.searchsorted(some, judged.truth.rows[chosen])
    truth = item_sets(judged.users[some], rows, judged.truth.items[chosen])
    labels = metrics.hit_matrix(block.candidates.items, truth.offsets, truth.items)
    return column_aucs(
        matrix.X, matrix.names, labels[matrix.user_row, matrix.column], matrix.user_row
    )


def _recommender(night: Night, release: Artifact) -> Recommender:
    inputs = open_inputs(night, str(release_facts(release)["lineage"]), night.gate)
    return open_recommender(night, inputs, release)


def _evaluated(judged: Judged, system: str, lists: Lists, scored: Scored | None) -> Evaluation:
    found = evaluate(
        system,
        lists,
        judged.truth,
        catalogue=judged.catalogue,
        scored=scored,
        known=judged.known,
        k=K,
    )
    return replace(found, slices=judged.slices)


def _came_true(night: Night, judged: Judged, lists: Lists) -> npt.NDArray[np.float64]:
    """`[n, k]`: the weighted share of objectives that came true of each place, which is what a
    score means.

    Of a watch objective, so much came true as the item is worth.
    """
    weights = np.array([o.weight for o in night.config.objectives])
    came_true = np.zeros(lists.shape)
    codes = judged.users.astype(np.int64)[:, None] * night.snapshot.n_items + lists
    for weight, truth, watched in zip(
        weights / weights.sum(), judged.by_objective, judged.watched, strict=True
    ):
        hits = metrics.hit_matrix(lists, truth.offsets, truth.items)
        came_true += weight * (hits if watched is None else hits * watched.at(codes))
    return came_true
