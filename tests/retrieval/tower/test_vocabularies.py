"""Over random vocabularies and histories: no id ever takes another's vector, no history holds its
target's moment.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys_tasks.clock import DAY_SECONDS
from recsys_tasks.ids import Keys, extend_ids
from recsys_tasks.lake import Lake
from recsys_tasks.retrieval.tower.examples import histories_before, make_examples, timestamp_numbers
from recsys_tasks.retrieval.tower.inputs import EMPTY
from recsys_tasks.retrieval.tower.training_run import TrainingRun
from recsys_tasks.retrieval.tower.versions import Archive, TowerState
from recsys_tasks.retrieval.tower.warm_start import carry_over
from recsys_tasks.retrieval.tower.weights import start_arrays
from recsys_tasks.snapshot.events import Events
from tests.retrieval.tower_world import group_config

KEEP_DAYS = 3
CONFIG = group_config(dimensions=4, warm_start={"archive_after_days": KEEP_DAYS})


@st.composite
def _nights(draw: st.DrawFn) -> list[tuple[list[str], int]]:
    """The ids that are seen on each night, and the days until the next: some leave, some come back,
    some are new.
    """
    ids = draw(st.lists(st.text(min_size=1, max_size=5), unique=True, min_size=2, max_size=8))
    night = st.tuples(
        st.lists(st.sampled_from(ids), unique=True, min_size=1), st.integers(1, 2 * KEEP_DAYS)
    )
    return draw(st.lists(night, min_size=2, max_size=6))


def _events(user: np.ndarray, item: np.ndarray, ts: np.ndarray) -> Events:
    order = np.lexsort((item, ts, user))
    one = np.ones(len(user), np.float32)
    columns = user[order].astype(np.int32), item[order].astype(np.int32), ts[order].astype(np.int64)
    return Events(*columns, np.zeros(len(user), np.int8), one, one, one)


def _run(learned: int, seen: Keys, m: int) -> TrainingRun:
    """A night on which each of these items was in one event, the second before it ends."""
    events = _events(np.zeros(len(seen)), seen, np.full(len(seen), learned - 1))
    none, users = np.zeros((m, 1), np.int32), np.zeros((1, 1), np.int32)
    keys, always = np.arange(m, dtype=np.int32), np.zeros(m, np.int64)
    return TrainingRun(CONFIG, learned, events, EMPTY, EMPTY, none, users, {}, keys, always)


def _marked(state: TowerState, keys: Keys, marks: np.ndarray) -> None:
    """As if trained: each of these ids has learned a vector that no other has."""
    state.arrays["item"][keys] = marks
    for moment in "mv":
        state.arrays[f"item/{moment}"][keys] = np.abs(marks)


def _where(state: TowerState, key: int) -> tuple[np.ndarray, np.ndarray]:
    """Vector and second moment of an id, in the tables or in the archive, where it must not be
    twice.
    """
    archived = np.flatnonzero(state.archive.keys == key)
    if not len(archived):
        return state.arrays["item"][key], state.arrays["item/v"][key]
    assert len(archived) == 1
    assert not state.arrays["item/v"][key].any()
    return state.archive.vectors[archived[0]], state.archive.second[archived[0]]


@given(_nights())
@settings(max_examples=60, deadline=None)
def test_no_id_takes_anothers_vector(nights: list[tuple[list[str], int]]) -> None:
    rows = {"item": 0, "value": 1, "user_value": 1}
    archive = Archive.empty(CONFIG.two_tower.dimensions)
    state = TowerState(
        start_arrays(CONFIG.two_tower, rows, 1), EMPTY, EMPTY, np.empty(0, np.int32), archive
    )
    mark_of: dict[str, np.ndarray] = {}
    day, gap = 20_000, 1
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder))
        for ids, days in nights:
            day += gap
            vocabulary = extend_ids(lake, "items", ids)
            seen, m = vocabulary.keys(ids), len(vocabulary)
            snapshot: Any = SimpleNamespace(items=pd.DataFrame({"available": np.zeros(m, bool)}))
            state, _ = carry_over(state, _run(day * DAY_SECONDS, seen, m), snapshot, gap)
            for name, mark in mark_of.items():
                vector, second = _where(state, int(vocabulary.keys([name])[0]))
                assert np.array_equal(vector, mark), name
                # The moment shrank, but has kept its direction: it is this id's, too.
                np.testing.assert_allclose(second / second[0], mark / mark[0], rtol=1e-4)
            fresh = [name for name in ids if name not in mark_of]
            keys = vocabulary.keys(fresh)
            # A new id starts with nothing of another's: small and random, and no moment.
            assert np.abs(state.arrays["item"][keys]).max(initial=0.0) < 0.5
            assert not state.arrays["item/v"][keys].any()
            for name in fresh:
                number = len(mark_of) + 1
                mark_of[name] = np.array([number, number**2, 1 + number, 2 + number], np.float32)
            if fresh:
                _marked(state, keys, np.stack([mark_of[name] for name in fresh]))
            gap = days


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=30),
    st.integers(1, 8),
)
@settings(max_examples=200, deadline=None)
def test_histories_hold_only_what_its_user_did_before_the_targets_moment(
    rows: list[tuple[int, int]], length: int
) -> None:
    user, ts = np.array(rows).T
    # Each event has an item of its own, so that an item tells which event it is.
    events = _events(user, np.arange(len(rows)), ts)
    event_of = np.empty(len(rows), np.int64)
    event_of[events.item] = np.arange(len(rows))
    examples = make_examples(events)
    flat = histories_before(events, examples).gather(events.item, timestamp_numbers(events), length)
    past, target = event_of[flat.item], examples[flat.row]
    assert (events.ts[past] < events.ts[target]).all()
    assert (events.user[past] == events.user[target]).all()
    # And none is missing: as many as its user has earlier events, up to the length.
    earlier = (events.user[:, None] == events.user) & (events.ts[None] < events.ts[:, None])
    sizes = np.minimum(earlier.sum(1), length)
    assert np.bincount(flat.row, minlength=len(examples)).tolist() == sizes[sizes > 0].tolist()
    assert examples.tolist() == np.flatnonzero(sizes).tolist()
