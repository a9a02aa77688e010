"""Warm start: train a version from the one before, and measure whether it is better.

The ledger of a warm version: counts of kept, new, archived and returned ids; `drift`, the mean
cosine distance that kept id vectors moved; `recall_before` and `recall_after`, recall@100 among
the items that have events, on held-out rows of the new days: of the state carried over from the
version before, with rows for new ids, before and after tonight's training; `refresh_ok`, whether
the latter is at least `refresh_floor` of the former; `recall_cold`,
every `control_every_nights`, that of a cold tower; `control_ok`, whether no such control so far has
found significantly more than the chain did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np

from recsys_tasks.arrays import Bool, Float32, Int64
from recsys_tasks.clock import DAY_SECONDS, start_of
from recsys_tasks.config import TwoTowerConfig, WarmStartConfig
from recsys_tasks.retrieval.tower.cold_start import control_hits
from recsys_tasks.retrieval.tower.content_means import content_means
from recsys_tasks.retrieval.tower.examples import (
    held_out_users,
    newest,
    replace_stale,
    sample_recent,
)
from recsys_tasks.retrieval.tower.files import mapped_rows
from recsys_tasks.retrieval.tower.training_run import TrainingRun
from recsys_tasks.retrieval.tower.versions import WEIGHTS, Archive, TowerState, TowerVersion
from recsys_tasks.retrieval.tower.weights import (
    TABLES,
    Arrays,
    any_in_row,
    grow,
    parameters,
    start_rows,
    trained_rows,
    zero_untrained,
)
from recsys_tasks.snapshot.dataset import Snapshot

HELD_OUT_SHARE = 0.05
MIN_HELD_OUT_ROWS = 50
"""With fewer held-out rows nothing is judged."""
BLOCK = 8192
"""Rows that are compared at once."""


def warm_train(
    snapshot: Snapshot, learned_before: date, parent: TowerVersion, control: bool
) -> tuple[TowerState, dict[str, Any]]:
    """Train on the days since the parent plus a replay sample; `control` trains a cold tower to
    compare with.
    """
    settings = snapshot.config.two_tower
    old, ids_before = (
        TowerState.load(parent.artifact),
        mapped_rows(parent.artifact.file(WEIGHTS), "item"),
    )
    had = old.known
    run = TrainingRun.open(snapshot, learned_before, old.items, old.users)
    carried, moved = carry_over(old, run, snapshot, (learned_before - parent.learned_before).days)
    del old  # its tables are the new ones' now
    fresh, held_out, replayed = split_examples(run, parent.learned_before)
    borrowed = init_second_moments(carried.arrays)
    tower = run.tower(carried.arrays)
    before = run.hits(tower, held_out)
    warm = settings.warm_start
    losses = (
        run.fit(tower, np.concatenate([fresh, replayed]), warm.epochs, warm.learning_rate)
        if len(fresh)
        else []
    )
    after = run.hits(tower, held_out)
    cold = (
        control_hits(snapshot, learned_before, held_out)
        if control and len(held_out) >= MIN_HELD_OUT_ROWS
        else None
    )
    state = finished(carried, tower.arrays(), borrowed)
    known = state.known
    kept = np.pad(had, (0, len(known) - len(had))) & known
    ledger = {
        "start": "warm",
        "examples": len(fresh),
        "replayed": len(replayed) if len(fresh) else 0,
        "loss": losses,
        "kept": int(kept.sum()),
        "new": int((known & ~kept).sum()) - moved["returned"],
        **moved,
        "drift": drift(ids_before, state.arrays["item"], np.flatnonzero(kept)),
        "held_back_rows": len(held_out),
        **_comparisons(before, after, cold, warm),
    }
    ledger["control_ok"] = ledger["control_ok"] and parent.ledger.get("control_ok", True)
    return state, ledger


def _comparisons(
    before: Bool, after: Bool, cold: Bool | None, settings: WarmStartConfig
) -> dict[str, Any]:
    """Recall of held-out rows, `[rows]` hits each, and what the ledger says of it."""
    few = len(after) < MIN_HELD_OUT_ROWS
    return {
        "recall_before": _share(before),
        "recall_after": _share(after),
        "recall_cold": None if cold is None else _share(cold),
        "refresh_ok": few or bool(after.sum() >= settings.refresh_floor * before.sum()),
        "control_ok": (
            cold is None or not significantly_lower(after, cold, settings.control_floor)
        ),
    }


def significantly_lower(warm: Bool, cold: Bool, floor: float) -> bool:
    """Whether `warm` hits less than `floor` of what `cold` does, and chance does not explain it.

    The examples that only one of them finds would be as many of either, give or take their root:
    McNemar 1947, "Note on the sampling error of the difference between correlated proportions or
    percentages". `warm [h] bool`, `cold [h] bool`: what either finds of the same examples.
    """
    lost, gained = int((cold & ~warm).sum()), int((warm & ~cold).sum())
    return bool(warm.sum() < floor * cold.sum() and lost - gained > 2 * np.sqrt(lost + gained))


def _share(hits: Bool) -> float:
    return float(hits.mean()) if len(hits) else 0.0


def carry_over(
    old: TowerState, run: TrainingRun, snapshot: Snapshot, days: int
) -> tuple[TowerState, dict[str, int]]:
    """The old state in the new shapes, before training, and how many ids left and came back.

    The old state's tables are taken over and changed: a catalogue of a million items has gigabytes
    of them.
    """
    settings, seed = run.config.two_tower, run.config.resources.seed
    had = old.known_of(run.rows["item"])
    arrays = old.arrays
    grow(arrays, run.rows, settings.dimensions, seed)
    _decay(arrays, settings, days)
    last_seen = run.last_seen(
        snapshot, np.pad(old.last_seen, (0, len(had) - len(old.last_seen)), constant_values=-1)
    )
    today = run.learned // DAY_SECONDS
    leaving = had & (today - last_seen > settings.warm_start.archive_after_days)
    archive, returned = _exchange(arrays, old.archive, leaving, today - last_seen <= 1)
    known = (had & ~leaving) | returned
    _start_new_ids(arrays["item"], run, known, seed)
    state = TowerState(arrays, run.items, run.users, last_seen, archive)
    return state, {"archived": int(leaving.sum()), "returned": int(returned.sum())}


def split_examples(run: TrainingRun, since: date) -> tuple[Int64, Int64, Int64]:
    """New examples to train on, new examples held out, and a replay of old ones: of late, and of
    young items.

    Three of `[k] int64`: rows of the run's events.
    """
    settings, warm = run.config.two_tower, run.config.two_tower.warm_start
    is_new = run.events.ts[run.examples] >= start_of(since)
    fresh, past = run.examples[is_new], run.examples[~is_new]
    fresh = newest(fresh, run.events, settings.examples_per_user, 1 << 62)
    held = held_out_users(run.events.user[fresh], HELD_OUT_SHARE, run.learned // DAY_SECONDS)
    fresh, held_out = fresh[~held], fresh[held]
    # What a cold training would read: else the replay belongs to the few users who have most
    # events.
    old = newest(past, run.events, settings.examples_per_user, settings.max_examples)
    count = max(round(warm.replay_ratio * len(fresh)), warm.min_examples - len(fresh))
    rng = np.random.default_rng([run.config.resources.seed, run.learned, 1])
    half_life = warm.replay_half_life_days * DAY_SECONDS
    replayed = sample_recent(old, run.events, count, run.learned, half_life, rng)
    # What is said of an item is what was seen last: else the years before outvote a night that
    # changed its buyers.
    replayed = replace_stale(replayed, old, run.events, warm.replay_events_per_item)
    young = newest(past, run.events, settings.newest_per_user, settings.max_examples)
    return (
        fresh,
        held_out,
        np.concatenate([replayed, _of_young_items(run, young, replayed, count, rng)]),
    )


def _of_young_items(
    run: TrainingRun, old: Int64, replayed: Int64, most: int, rng: np.random.Generator
) -> Int64:
    """Examples of young items, each as often as a night shall see it, less where it is among the
    `replayed`.

    A cold training passes over an example a dozen times. Of an item that came since, a night would
    see the few that are new, once, and hardly ever again: it would stay where its content put it.
    """
    warm = run.config.two_tower.warm_start
    since = run.learned - warm.young_item_days * DAY_SECONDS
    young = old[run.available[run.events.item[old]] >= since]
    times = np.floor(warm.young_replays + rng.random(len(young))).astype(np.int64)
    times -= np.isin(young, replayed)
    chosen = np.repeat(young, np.maximum(times, 0))
    return np.sort(rng.choice(chosen, most, replace=False)) if len(chosen) > most else chosen


def _decay(arrays: Arrays, settings: TwoTowerConfig, days: int) -> None:
    """Both moments shrink with age: large old accumulators would freeze an id, old momentum
    misleads it.
    """
    share = np.float32(0.5 ** (days / settings.warm_start.accumulator_half_life_days))
    for name in parameters(arrays):
        for moment in "mv":
            arrays[f"{name}/{moment}"] *= share


def init_second_moments(arrays: Arrays) -> dict[str, Bool]:
    """Initialise the second moment of untrained rows to the mean of their table's trained rows.

    Returns, by table, `[rows]`: which rows these are.

    Adam corrects a moment that began at zero by the number of all steps: a row that begins at step
    100,000 would move six times as far as the others, on what its first few examples say.
    """
    borrowed = {}
    for name in TABLES:
        second, known = arrays[f"{name}/v"], trained_rows(arrays, name)
        borrowed[name] = ~known
        if known.any():
            second[~known] = second.sum(axis=0, dtype=np.float64) / np.count_nonzero(known)
    return borrowed


def _exchange(arrays: Arrays, archive: Archive, leaving: Bool, seen: Bool) -> tuple[Archive, Bool]:
    """Move leaving ids into the archive and archived ids that were seen again out of it, in
    place.
    """
    back = seen[archive.keys]
    returned = np.zeros(len(leaving), np.bool_)
    returned[archive.keys[back]] = True
    out = np.flatnonzero(leaving).astype(np.int32)
    keys = np.concatenate([archive.keys[~back], out])
    order = np.argsort(keys)
    columns: list[Float32] = []
    for name, stored in (
        ("item", archive.vectors),
        ("item/m", archive.first),
        ("item/v", archive.second),
    ):
        table = arrays[name]
        columns.append(np.concatenate([stored[~back], table[out]])[order])
        table[out] = 0.0
        table[archive.keys[back]] = stored[back]
    return Archive(keys[order], *columns), returned


def _start_new_ids(table: Float32, run: TrainingRun, known: Bool, seed: int) -> None:
    """Ids that have events by now and no vector yet: at the mean of their content
    neighbours.

    Without any they start at random. An id without events has no example that would move it from
    there.
    """
    table[~known] = 0.0
    new = run.items_with_events[~known[run.items_with_events]].astype(np.int64)
    table[new] = content_means(run.item_values, table, known, new)
    lonely = new[~any_in_row(table[new])]
    table[lonely] = start_rows("item", lonely, table.shape[1], seed)


def finished(carried: TowerState, arrays: Arrays, borrowed: Mapping[str, Bool]) -> TowerState:
    """The state after training: `borrowed` rows (see `init_second_moments`) that no example moved
    lose their second moment again, and untrained rows their random vectors.

    `borrowed`: table → `[m] bool`.
    """
    for name in TABLES:
        still = borrowed[name] & ~any_in_row(arrays[f"{name}/m"])
        arrays[f"{name}/v"][still] = 0.0
    zero_untrained(arrays)
    return replace(carried, arrays=arrays)


def drift(before: Float32, after: Float32, rows: Int64) -> float:
    """Mean cosine distance of the `rows [k] int64` of two `[m, d] float32`; 0 without rows."""
    distance = 0.0
    for a in range(0, len(rows), BLOCK):
        first, second = before[rows[a : a + BLOCK]], after[rows[a : a + BLOCK]]
        lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        distance += float(
            np.sum(1.0 - (first * second).sum(1) / np.maximum(lengths, 1e-12), dtype=np.float64)
        )
    return distance / max(len(rows), 1)
