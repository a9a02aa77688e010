"""A second count of what the gate measures: a sample of users, from the rows in the files, in plain
Python.

Nothing here calls what made the first count: no `Events`, no `truth_between`, no `evaluate`, no
`recommend` of a block.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from recsys_tasks.clock import DAY_SECONDS, parse_day, start_of
from recsys_tasks.errors import ArtifactError
from recsys_tasks.features.tables import FeatureTables
from recsys_tasks.gate.evaluate import Evaluation, Truth
from recsys_tasks.gate.recount import Counted, Recount, plain_ndcg
from recsys_tasks.lake import Artifact
from recsys_tasks.ranking.columns import Block
from recsys_tasks.ranking.examples.build import Examples
from recsys_tasks.ranking.lists.recommender import Recommender
from recsys_tasks.snapshot.tonight import RAW_PARTS
from recsys_tasks.stages.judging.window import GateWindow

USERS = 400
"""Sampled users: half of them with a truth, where there are so many."""
LISTS = 50
"""Of these, active ones that the release is asked for one by one."""
LABELS = 2_000
"""Sampled true labels of the examples."""
_MOST_OFF = 1e-3
"""Relative difference of scores that sums in another order explain."""
_DAYS_OFF = 0.01
"""Days that features may differ by, which are kept in single precision."""

Lists = npt.NDArray[np.int32]
Pairs = Mapping[int, set[int]]


@dataclass(frozen=True)
class Measured:
    """Lists `[n, >= k]` of the truth's users, and the evaluation that was made of them."""

    lists: Lists
    evaluation: Evaluation


def sample(truth: Truth, seed: int) -> npt.NDArray[np.int64]:
    """Rows of users to be counted again, sorted: with a truth and without one.

    `[k] int64`, at most `USERS`.
    """
    rng = np.random.default_rng([seed, 29])
    some, none = np.flatnonzero(truth.sizes), np.flatnonzero(truth.sizes == 0)
    first = rng.permutation(some)[: max(USERS // 2, USERS - len(none))]
    return np.sort(np.concatenate([first, rng.permutation(none)[: USERS - len(first)]]))


def count_truth(window: GateWindow, truth: Truth, rows: Sequence[int]) -> tuple[Counted, Counted]:
    """The truth against the snapshot's events of the gate window, and against the rows that were
    delivered.
    """
    start, end = window.cutoffs.history_before, window.as_of
    said = {int(truth.users[row]): _set_of(truth, row) for row in rows}
    some, sure = (
        _happened(window, start, end, said),
        _happened(window, start, end, said, watched=False),
    )
    wrong = sum(not sure[user] <= items <= some[user] for user, items in said.items())
    return Counted(len(said), wrong), _delivered(window, start, end, said)


def count_figures(
    truth: Truth, rows: Sequence[int], systems: Sequence[Measured], metric: str
) -> Counted:
    """Every system's figure of each sampled user against the definition."""
    k, wrong = int(metric.split("@")[1]), 0
    for row in rows:
        wanted = _set_of(truth, row)
        pairs = [
            (
                plain_ndcg(system.lists[row].tolist(), wanted, k),
                float(system.evaluation.per_user[metric][row]),
            )
            for system in systems
        ]
        wrong += not all(
            math.isclose(a, b, abs_tol=1e-9) or (math.isnan(a) and math.isnan(b)) for a, b in pairs
        )
    return Counted(len(rows), wrong)


def count_lists(
    recommender: Recommender, users: Sequence[int], lists: Lists, scores: npt.NDArray[np.float32]
) -> tuple[Counted, Counted]:
    """Lists and scores `[n, k]` of active users against what the release says of each of them
    alone.
    """
    otherwise = claims = 0
    for user, items, said in zip(users, lists, scores, strict=True):
        one = np.array([user], np.int32)
        otherwise += not np.array_equal(recommender.recommend(one, len(items)).items[0], items)
        claims += not _claimed(recommender, one, items, said)
    return Counted(len(users), otherwise), Counted(len(users), claims)


def count_labels(window: GateWindow, examples: Artifact | None) -> Counted:
    """A sample of the true labels among the examples against what happened in the window of
    each.
    """
    if examples is None:
        return Counted()
    data, first = Examples.open(examples), 0
    rng = np.random.default_rng([window.config.resources.seed, 37])
    asked: set[int] = set()
    wrong: set[int] = set()
    for part in data.facts["windows"]:
        rows = slice(first, first + part["rows"])
        true = np.flatnonzero(np.asarray(data.labels[rows]).any(axis=1)) + first
        true = rng.permutation(true)[: LABELS // len(data.facts["windows"])]
        first = rows.stop
        users, start = set(data.user[true].tolist()), parse_day(part["label_start"])
        happened = _happened(
            window, start, start + timedelta(days=window.config.label_window_days), users
        )
        pairs = zip(data.user[true].tolist(), data.item[true].tolist(), strict=True)
        asked |= users
        wrong |= {user for user, item in pairs if item not in happened[user]}
    return Counted(len(asked), len(wrong))


def count_history(window: GateWindow, tables: FeatureTables, users: Collection[int]) -> Counted:
    """The pairs that the features know of, and the days since each, against the events before the
    gate window.
    """
    cutoff, since = window.cutoffs.history, tables.pair_names.index("since_last")
    last: dict[int, dict[int, int]] = {user: {} for user in users}
    columns = ["user_key", "item_key", "ts"]
    for day in window.snapshot.event_tables(columns, before=window.cutoffs.history_before):
        for row in _of_users(day, last):
            mine, item = last[row["user_key"]], row["item_key"]
            mine[item] = max(mine.get(item, row["ts"]), row["ts"])
    pair, wrong = tables.pair, 0
    for user, mine in last.items():
        rows = slice(*pair.offsets[user : user + 2]) if user + 1 < len(pair.offsets) else slice(0)
        known = dict(zip(pair.items[rows].tolist(), pair.values[rows, since].tolist(), strict=True))
        days = {item: (cutoff - ts) / DAY_SECONDS for item, ts in mine.items()}
        wrong += known.keys() != days.keys() or any(
            abs(known[item] - days[item]) > _DAYS_OFF for item in days
        )
    return Counted(len(last), wrong)


def recount(
    window: GateWindow,
    truth: Truth,
    active: npt.NDArray[np.bool_],
    measured: Sequence[Measured],
    scores: npt.NDArray[np.float32],
    recommender: Recommender,
    examples: Artifact | None,
) -> Recount:
    """A sample of all of it; the first of `measured` is the challenger's, with `scores [n, k]`."""
    rows = sample(truth, window.config.resources.seed).tolist()
    if not rows:
        return Recount()
    counted, delivered = count_truth(window, truth, rows)
    ranked = [row for row in rows if active[row]]
    ranked = sorted(sorted(ranked, key=lambda row: truth.sizes[row] == 0)[:LISTS])
    lists, claims = count_lists(
        recommender, truth.users[ranked].tolist(), measured[0].lists[ranked], scores[ranked]
    )
    return Recount(
        truth=counted,
        delivered=delivered,
        labels=count_labels(window, examples),
        history=count_history(window, recommender.inputs.tables, truth.users[rows].tolist()),
        figures=count_figures(truth, rows, measured, window.config.gate.metric),
        lists=lists,
        claims=claims,
    )


# --- what happened -------------------------------------------------------------------------------


def _set_of(truth: Truth, row: int) -> set[int]:
    return set(truth.items[truth.offsets[row] : truth.offsets[row + 1]].tolist())


def _happened(
    window: GateWindow, start: date, end: date, users: Collection[int], *, watched: bool = True
) -> Pairs:
    """User → items of the events that fulfil an objective; without `watched`, of those that surely
    do.
    """
    objectives = [o for o in window.config.objectives if watched or o.watch is None]
    codes = {code for objective in objectives for code in window.config.objective_codes(objective)}
    found: dict[int, set[int]] = {user: set() for user in users}
    columns = ["user_key", "item_key", "ts", "event"]
    for day in window.snapshot.event_tables(columns, start, end) if found else ():
        for row in _of_users(day, found):
            if start_of(start) <= row["ts"] < start_of(end) and row["event"] in codes:
                found[row["user_key"]].add(row["item_key"])
    return found


def _delivered(window: GateWindow, start: date, end: date, said: Pairs) -> Counted:
    """Whether every pair is in a delivered row, by the ids' text; users 0 where those rows are not
    kept.
    """
    user_ids, item_ids = (
        window.snapshot.users["user_id"].to_numpy(),
        window.snapshot.items["item_id"].to_numpy(),
    )
    names = {user: str(user_ids[user]) for user in said}
    rows: set[tuple[str, str]] = set()
    try:
        parts: dict[str, str] = json.loads(window.snapshot.artifact.file(RAW_PARTS).read_text())
        for day, reference in parts.items():
            if start <= parse_day(day) < end:
                file = str(window.snapshot.lake.get(reference).file("events.parquet"))
                found = _rows(file, ["user_id", "item_id"], "user_id", list(names.values()))
                rows |= {(row["user_id"], row["item_id"]) for row in found}
    except (ArtifactError, FileNotFoundError):
        return Counted()
    wrong = sum(
        any((names[user], str(item_ids[item])) not in rows for item in items)
        for user, items in said.items()
    )
    return Counted(len(said), wrong)


def _of_users(day: pa.Table, users: Collection[int]) -> list[dict[str, Any]]:
    chosen = np.isin(day["user_key"].to_numpy(), list(users))
    rows: list[dict[str, Any]] = day.filter(pa.array(chosen)).to_pylist()
    return rows


def _rows(file: str, columns: list[str], key: str, values: list[Any]) -> list[dict[str, Any]]:
    return pq.read_table(file, columns=columns, filters=[(key, "in", values)]).to_pylist()


# --- what the release says -----------------------------------------------------------------------


def _claimed(
    recommender: Recommender,
    user: npt.NDArray[np.int32],
    items: npt.NDArray[np.int32],
    said: npt.NDArray[np.float32],
) -> bool:
    """Whether every place is a candidate of this user with the score said; promoted items need be
    none.
    """
    block = Block(recommender.inputs, recommender.inputs.retriever.block(user))
    known = dict(
        zip(block.candidates.items[0].tolist(), recommender.scores(block)[0].tolist(), strict=True)
    )
    promoted = set(recommender.promoted)
    places = [
        (int(i), float(s))
        for i, s in zip(items, said, strict=True)
        if i >= 0 and int(i) not in promoted
    ]
    return all(
        item in known and math.isclose(known[item], score, rel_tol=_MOST_OFF, abs_tol=1e-6)
        for item, score in places
    )
