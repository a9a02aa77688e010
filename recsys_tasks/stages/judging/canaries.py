"""What the gate's evaluation must tell apart, and a sample of it that is counted a second time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from recsys_tasks import metrics
from recsys_tasks.clock import DAY_SECONDS, Cutoffs, day_of
from recsys_tasks.config import AfterDays
from recsys_tasks.errors import ArtifactError
from recsys_tasks.gate.canaries import (
    Canaries,
    OwnAndOthers,
    against_others,
    column_aucs,
    future_first,
    overlap,
)
from recsys_tasks.gate.evaluate import Truth, evaluate, item_sets, truth_between
from recsys_tasks.gate.recount import Recount
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact
from recsys_tasks.ranking.columns import Block, column_names, feature_matrix
from recsys_tasks.ranking.examples.watch_time import fulfilling
from recsys_tasks.serving.precompute import active_users
from recsys_tasks.snapshot.bans import bans_at
from recsys_tasks.stages.inputs import open_inputs, open_recommender
from recsys_tasks.stages.judging.measure import K, System, popularity, recommender_of
from recsys_tasks.stages.judging.recount import Measured, recount
from recsys_tasks.stages.judging.window import GateWindow, Judged
from recsys_tasks.stages.serving_state import release_lineage

COLUMN_USERS = 400
"""Users with a truth, on whose candidates each single feature is tested for a leak."""
EARLIER_USERS = 2_000
"""Users of the window before the gate's, on whom it is measured whether users differ at all."""


def canaries(window: GateWindow, judged: Judged, system: System, release: Artifact) -> Canaries:
    """Evaluate the planted systems that the gate's canaries judge."""
    planted, forbidden = (
        future_first(system.lists, judged.truth),
        _forbidden(window, window.cutoffs, judged.users, judged.known),
    )
    seed = window.config.resources.seed
    return Canaries(
        shuffled=against_others(
            system.lists, judged.truth, judged.catalogue, seed, K, forbidden=forbidden
        ),
        earlier=window_before(window, judged, release),
        future=evaluate("future feature", planted, judged.truth, catalogue=judged.catalogue, k=K),
        columns=single_columns(window, judged, release),
        popularity_overlap=overlap(
            system.lists[judged.active, :K], judged.fallback[judged.active, :K]
        ),
    )


def window_before(window: GateWindow, judged: Judged, release: Artifact) -> OwnAndOthers | None:
    """The order of retrieval one window before the gate's, measured with its users' truth and with
    other users' truth.

    None without such a window, or where the artifacts of its cutoffs are gone.
    """
    cutoffs, end = window.before, window.cutoffs.history
    if cutoffs is None:
        return None
    try:
        inputs = open_inputs(window.snapshot, release_lineage(release), cutoffs)
    except ArtifactError:
        return None
    snapshot = window.snapshot
    events = snapshot.events(since=cutoffs.history_before, before=window.cutoffs.history_before)
    wanted = fulfilling(snapshot, events.between(cutoffs.history, end))
    active = active_users(snapshot, window.config, cutoffs)
    users = np.intersect1d(active, wanted.user).astype(np.int32)
    rng = np.random.default_rng([window.config.resources.seed, 31])
    users = np.sort(rng.choice(users, min(len(users), EARLIER_USERS), replace=False))
    truth = truth_between(wanted, None, cutoffs.history, end, users)
    places = 3 * K  # so that a list still has K items without another user's known ones
    retrieval = open_recommender(snapshot, inputs, None)
    lists = retrieval.recommend(users, places, eligible=None).items
    forbidden = _forbidden(window, cutoffs, users)
    return against_others(
        lists, truth, judged.catalogue, window.config.resources.seed, K, forbidden=forbidden
    )


def _forbidden(
    window: GateWindow, cutoffs: Cutoffs, users: Keys, known: Truth | None = None
) -> Truth | None:
    """Items that the repeat policy or a negative event forbids each user; None where nothing does.
    `known`: all items that the users have had, where the caller has them already.
    """
    repeated = _repeated(window, cutoffs, users, known)
    bans = bans_at(window.snapshot, cutoffs.history_before)
    if bans is None:
        return repeated
    of, items = bans.pairs()
    asked = np.isin(of, users)
    order = np.argsort(users, kind="stable")
    rows = order[np.searchsorted(users[order], of[asked])]
    if repeated is None:
        return item_sets(users, rows, items[asked])
    return item_sets(
        users,
        np.concatenate([repeated.rows, rows]),
        np.concatenate([repeated.items, items[asked]]).astype(np.int32),
    )


def _repeated(
    window: GateWindow, cutoffs: Cutoffs, users: Keys, known: Truth | None
) -> Truth | None:
    """Items that the repeat policy forbids each user; None where it forbids none."""
    policy = window.config.repeat_consumption
    if policy == "allow":
        return None
    if known is not None and policy == "forbid":
        return known
    since = (
        cutoffs.history - policy.after_days * DAY_SECONDS if isinstance(policy, AfterDays) else 0
    )
    events = window.snapshot.events(
        since=day_of(since) if since else None, before=cutoffs.history_before
    )
    return truth_between(events, None, since, cutoffs.history, users)


def counted_again(
    window: GateWindow, judged: Judged, systems: Mapping[str, System], release: Artifact
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
    examples = window.snapshot.lake.newest("examples", window.as_of.isoformat())
    return recount(
        window,
        judged.truth,
        judged.active,
        measured,
        scores,
        recommender_of(window, release),
        examples,
    )


def single_columns(window: GateWindow, judged: Judged, release: Artifact) -> dict[str, float]:
    """AUC of each feature alone among candidates at the gate's cutoffs; empty when nobody did
    anything.
    """
    some = np.flatnonzero(judged.active & (judged.truth.sizes > 0))
    if not len(some):
        return {}
    rng = np.random.default_rng([window.config.resources.seed, 23])
    some = np.sort(rng.choice(some, min(len(some), COLUMN_USERS), replace=False))
    recommender = recommender_of(window, release)
    block = Block(recommender.inputs, recommender.inputs.retriever.block(judged.users[some]))
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
