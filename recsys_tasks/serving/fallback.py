"""Popular items of each segment and of everyone: the fallback lists, for users without a list of
their own and for topping up short lists.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy.engine import Engine

from recsys_tasks.clock import DAY_SECONDS, Cutoffs
from recsys_tasks.config import Config
from recsys_tasks.features.segments import every_segment
from recsys_tasks.ids import Keys
from recsys_tasks.retrieval.candidates.tempo import USUAL_DAYS, days_needed, popular_days
from recsys_tasks.serving.load import FALLBACK_SCHEMA, load_fallbacks, load_forbidden
from recsys_tasks.serving.publication import Publication
from recsys_tasks.serving.repeats import Forbidden, needed_length
from recsys_tasks.serving.user_rules import kept_from_users, places_for_all
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.eligibility.eligible import eligible_items
from recsys_tasks.snapshot.eligibility.user_rules import UserRules, user_rules
from recsys_tasks.snapshot.events import Events

WINDOW_DAYS = USUAL_DAYS
HALF_LIFE = 0.5
"""Half-life of an event, as a share of the days over which popularity is best counted."""
EVERYONE = ""
LONGEST = 1000
"""Longest list for everyone: as many items as recommend() returns at most."""
Ranking = tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]
"""Items, best first, and their scores."""


class Aging(NamedTuple):
    """From which second back events age, and in how many days one loses half of what it counts."""

    cutoff: int
    half_life_days: float


def fallback_lists(
    snapshot: Snapshot,
    config: Config,
    cutoffs: Cutoffs,
    forbidden: Forbidden | None = None,
    rules: UserRules | None = None,
) -> pa.Table:
    """Rows for `load_fallbacks`: one a segment with any event, and '' for everyone.

    Each list has k + spares items that are eligible as of the history cutoff, ordered by
    `popularity`, in which events age as fast as the shop's demand moves (`tempo`). The list for
    everyone is filled up, first with items that were popular earlier, then with the other items,
    newest first, so that it is never short. It is so long that every user has k items in it that
    are not `forbidden`, up to LONGEST; under `rules` it also has, of what comes behind, the first
    items that users of each kind may see.
    """
    eligible = eligible_items(snapshot, cutoffs.history_before)
    since = cutoffs.history_before - timedelta(days=WINDOW_DAYS)
    recent = snapshot.events(since=since, before=cutoffs.history_before)
    aging = Aging(cutoffs.history, _half_life(snapshot, config, cutoffs))
    size = config.serving.k + config.serving.spares
    codes, names = every_segment(snapshot.users, config.users.segment_by)

    def for_everyone(size: int) -> Ranking:
        nobody_apart = np.zeros(len(codes), np.int32)
        overall = popularity(recent, nobody_apart, eligible, aging, size)
        return _filled(overall.get(0), snapshot, cutoffs, eligible, size)

    everyone = for_everyone(size)
    if forbidden is not None and len(forbidden.users):
        longer = for_everyone(LONGEST)
        needed = needed_length(forbidden, longer[0], config.serving.k, LONGEST)
        length = max(len(everyone[0]), min(needed + config.serving.spares, LONGEST))
        everyone = longer[0][:length], longer[1][:length]
    if rules is not None:
        whole = for_everyone(int(eligible.sum()))
        needed_places = places_for_all(rules, whole[0], size, forbidden, snapshot.n_users)
        needed_places[: len(everyone[0])] = True
        everyone = whole[0][needed_places], whole[1][needed_places]
    rows = {EVERYONE: everyone}
    by_segment = popularity(recent, codes, eligible, aging, size)
    rows.update(
        {names[code]: by_segment[code] for code in sorted(by_segment) if names[code] != EVERYONE}
    )
    columns = [
        list(rows),
        [items for items, _ in rows.values()],
        [scores for _, scores in rows.values()],
    ]
    arrays = [
        pa.array(column, kind) for column, kind in zip(columns, FALLBACK_SCHEMA.types, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=FALLBACK_SCHEMA)


def load_paths(
    engine: Engine,
    publication: Publication,
    snapshot: Snapshot,
    cutoffs: Cutoffs,
    active: Keys,
    forbidden: Forbidden | None,
) -> None:
    """Load the fallback lists and the forbidden pairs.

    Of the pairs that `forbidden_pairs` found, those of the users `active [n] int32` are loaded,
    whose own lists are checked with them, and of all other users those whose item is in a fallback
    list; of `eligibility.rules` those of all users with the items of their fallback lists.
    """
    rules = user_rules(snapshot)
    lists = fallback_lists(snapshot, snapshot.config, cutoffs, forbidden, rules)
    load_fallbacks(engine, publication, lists)
    kept = None
    if rules is not None:
        of = zip(lists["segment"].to_pylist(), lists["items"].to_pylist(), strict=True)
        by_segment = {segment: np.array(items, np.int32) for segment, items in of}
        kept = kept_from_users(rules, snapshot, by_segment, EVERYONE)
    if forbidden is not None:
        popular = np.zeros(snapshot.n_items, bool)
        popular[lists["items"].combine_chunks().flatten().to_numpy()] = True
        has_list = np.zeros(snapshot.n_users, bool)
        has_list[active] = True
        wanted = forbidden.where(has_list[forbidden.users] | popular[forbidden.items])
        kept = wanted if kept is None else wanted.with_others(kept)
    if kept is not None:
        load_forbidden(engine, publication, kept.table())


def popularity(
    events: Events,
    segment_of_user: npt.NDArray[np.int32],
    eligible: npt.NDArray[np.bool_],
    aging: Aging,
    size: int,
) -> dict[int, Ranking]:
    """Segment code → item keys and scores, best first, at most `size`.

    `segment_of_user [n_users] int32`, -1 for none; `eligible [n_items] bool`.

    A user counts once for an item, with the largest of weight × ½^(age / half-life) over the user's
    events with it, so that no single user can fill a list. Scores are relative to the first. Ties:
    the smaller item key.
    """
    chosen = events.where(eligible[events.item] & (segment_of_user[events.user] >= 0))
    if not len(chosen):
        return {}
    age_days = (aging.cutoff - chosen.ts) / DAY_SECONDS
    weight = chosen.weight * np.exp2(-age_days / aging.half_life_days)
    n_items = len(eligible)
    pair = chosen.user.astype(np.int64) * n_items + chosen.item
    pairs, of_pair = np.unique(pair, return_inverse=True)
    best = np.zeros(len(pairs))
    np.maximum.at(best, of_pair, weight)
    cell = segment_of_user[pairs // n_items].astype(np.int64) * n_items + pairs % n_items
    cells, of_cell = np.unique(cell, return_inverse=True)
    score = np.bincount(of_cell, weights=best)
    segment, item = (cells // n_items).astype(np.int32), (cells % n_items).astype(np.int32)
    order = np.lexsort((item, -score, segment))
    segment, item, score = segment[order], item[order], score[order]
    codes, starts, counts = np.unique(segment, return_index=True, return_counts=True)
    ends = starts + np.minimum(counts, size)
    return {
        int(code): (item[start:end], (score[start:end] / score[start]).astype(np.float32))
        for code, start, end in zip(codes, starts, ends, strict=True)
    }


def _half_life(snapshot: Snapshot, config: Config, cutoffs: Cutoffs) -> float:
    """Days in which an event loses half of what it counts."""
    window = config.label_window_days
    since = cutoffs.history_before - timedelta(days=days_needed(window))
    events = snapshot.events(since=since, before=cutoffs.history_before)
    return HALF_LIFE * popular_days(events, cutoffs.history, window)


def _filled(
    top: Ranking | None,
    snapshot: Snapshot,
    cutoffs: Cutoffs,
    eligible: npt.NDArray[np.bool_],
    size: int,
) -> Ranking:
    """The recent favourites, then those of all time, then the newest items; what was added scores
    0.
    """
    items, scores = top if top is not None else (np.empty(0, np.int32), np.empty(0, np.float32))
    if len(items) >= size:
        return items, scores
    past = snapshot.events(before=cutoffs.history_before)
    count = np.bincount(past.item, minlength=len(eligible))
    born = snapshot.items["available_from"].to_numpy()
    candidates = np.flatnonzero(eligible)
    candidates = candidates[~np.isin(candidates, items)]
    order = np.lexsort((candidates, -born[candidates], -count[candidates]))
    added = candidates[order][: size - len(items)].astype(np.int32)
    return np.concatenate([items, added]), np.concatenate(
        [scores, np.zeros(len(added), np.float32)]
    )
