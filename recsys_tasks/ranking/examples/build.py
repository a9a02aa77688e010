"""Build the rankers' examples: candidates made as of past cutoffs, labelled by later events.

In a label window [c, c + W) a candidate, made as of c, is positive if the user acted on it.
Positives that no generator found are never added: serving could not rank them either. A fixed share
of users, drawn by a hash of the key, is held out of the rankers' training; these users keep all
their candidates, with or without a positive, for the calibration.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from recsys_tasks.arrays import AnyArray, Bool, Int8, UInt64
from recsys_tasks.clock import Timeline
from recsys_tasks.config import Config, config_hash
from recsys_tasks.errors import LeakageError
from recsys_tasks.hashes import hashed
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact, Draft
from recsys_tasks.progress import Progress
from recsys_tasks.ranking.columns import (
    Block,
    column_names,
    column_packages,
    feature_matrix,
    light_names,
)
from recsys_tasks.ranking.examples.files import COLUMNS, Examples
from recsys_tasks.ranking.examples.impressions import ShownPairs
from recsys_tasks.ranking.examples.labels import WindowLabels, window_labels
from recsys_tasks.ranking.examples.sampling import (
    CALIBRATION_A,
    sample_negatives,
    user_parts,
)
from recsys_tasks.ranking.inputs import RankingInputs
from recsys_tasks.ranking.kinds import EXAMPLES
from recsys_tasks.snapshot.dataset import Snapshot

__all__ = ["Examples", "Window", "build_examples", "label_windows", "windows_needed"]

CALIBRATION_WINDOWS = 2
"""Newest windows whose held-out users calibrate. There are few, because users who calibrate keep
all their candidates, and because the calibration should be recent.
"""

CALIBRATION_SHARES = 2 * CALIBRATION_WINDOWS
"""Each of these windows calibrates on 1 / CALIBRATION_SHARES of the held-out share of `max_users`,
because all candidates of a user are many rows.
"""


@dataclass(frozen=True)
class Window:
    """Inputs as of a past cutoff and the half-open days [label_start, label_end) that label their
    candidates.
    """

    inputs: RankingInputs
    label_start: date
    label_end: date


def label_windows(timeline: Timeline) -> list[tuple[date, date]]:
    """(label_start, label_end) of each of the timeline's label cutoffs, newest first."""
    return [
        (cutoff, cutoff + timedelta(days=timeline.window_days)) for cutoff in timeline.label_cutoffs
    ]


def windows_needed(snapshot: Snapshot, timeline: Timeline) -> int:
    """How many of the timeline's windows, newest first, have `ranker.max_users` users together;
    all windows when they have fewer.

    A user counts in every window with an event. Where the newest window alone has enough users, the
    rankers learn from it alone, with the newest tower that may be used.
    """
    found = 0
    for number, (start, end) in enumerate(label_windows(timeline), 1):
        found += len(np.unique(snapshot.events(start, end).user))
        if found >= snapshot.config.ranker.max_users:
            return number
    return len(timeline.label_cutoffs)


def build_examples(snapshot: Snapshot, timeline: Timeline, windows: Sequence[Window]) -> Artifact:
    """Write the `examples` of a night; a no-op when they exist for the same inputs, config and
    code.

    Raises LeakageError when a window's labels begin before its inputs end, or reach into the gate
    window.
    """
    for window in windows:
        _refuse_leaks(window, timeline)
    config, lake, key = snapshot.config, snapshot.lake, timeline.as_of.isoformat()
    inputs = {f"{w.inputs.cutoffs}/{w.label_end}": w.inputs.hash for w in windows}
    inputs["snapshot"] = snapshot.artifact.content
    settings = config_hash(
        config.ranker,
        config.activity,
        config.events,
        *config.objectives,
        config.resources.seed,
        config.repeat_consumption,
        *config.eligibility.rules,
    )

    def write(draft: Draft) -> None:
        facts: dict[str, Any] = {
            "as_of": key,
            "gate_cutoff": timeline.gate_cutoff.isoformat(),
            "label_cutoffs": [w.label_start.isoformat() for w in windows],
            "label_end": max((w.label_end.isoformat() for w in windows), default=None),
            "objectives": [objective.name for objective in config.objectives],
            "counts_from": _counts_from(config),
            "names": list(column_names(windows[0].inputs)) if windows else [],
            "light_names": list(light_names(windows[0].inputs)) if windows else [],
            "column_packages": column_packages(windows[0].inputs) if windows else {},
            "windows": _write(snapshot, windows, draft.path),
        }
        (draft.path / "examples.json").write_text(json.dumps(facts, indent=1))
        draft.rows = sum(w["rows"] for w in facts["windows"])
        draft.facts = {"windows": facts["windows"]}

    return lake.make(EXAMPLES, key, inputs=inputs, config=settings, write=write)


def _counts_from(config: Config) -> list[float] | None:
    """Each objective's worth from which it counts as fulfilled; None where none asks how much was
    watched.
    """
    asked = [
        objective.watch.counts_from if objective.watch else 0.0 for objective in config.objectives
    ]
    return asked if any(objective.watch for objective in config.objectives) else None


def _refuse_leaks(window: Window, timeline: Timeline) -> None:
    known, start, end = window.inputs.cutoffs.history_before, window.label_start, window.label_end
    if known > start or end > timeline.gate_cutoff:
        raise LeakageError(
            expected=f"inputs end by {start}, labels end by the gate cutoff {timeline.gate_cutoff}",
            found=f"inputs as of {window.inputs.cutoffs}, labels in [{start}, {end})",
            where=f"ranker examples of {timeline.as_of}",
            remedy=(
                "make the window's inputs at its label cutoff, and take label cutoffs from"
                " clock.Timeline"
            ),
        )


# --- one window ----------------------------------------------------------------------------------


def _write(snapshot: Snapshot, windows: Sequence[Window], folder: Path) -> list[dict[str, Any]]:
    """Append every window's rows to the flat files; returns what each window gave."""
    summaries: list[dict[str, Any]] = []
    calibrates = sorted((window.label_start for window in windows), reverse=True)[
        :CALIBRATION_WINDOWS
    ]
    groups, users_left = 0, snapshot.config.ranker.max_users
    names = ("X", "labels", *(["worth"] if _counts_from(snapshot.config) else []), *COLUMNS)
    handles = {name: (folder / f"{name}.bin").open("wb") for name in names}
    done = Progress("examples", len(windows), "label windows")
    try:
        for window in windows:
            truth = window_labels(snapshot, window.label_start, window.label_end)
            users, part = _chosen_users(
                snapshot, window, truth, users_left, window.label_start in calibrates
            )
            users_left -= int((part < CALIBRATION_A).sum())
            summary: dict[str, Any] = {
                "label_start": window.label_start.isoformat(),
                "users": len(users),
                "rows": 0,
                "positives": 0,
            }
            shown = ShownPairs.of(snapshot, window.label_start, window.label_end)
            for block in _blocks(snapshot.config, window, truth, shown, users, part):
                block["group"] += groups
                groups = int(block["group"].max(initial=groups - 1)) + 1
                for name, values in block.items():
                    values.tofile(handles[name])
                summary["rows"] += len(block["X"])
                summary["positives"] += int(block["labels"].any(axis=1).sum())
            summary["truth"] = int(np.isin(truth.user, users).sum())
            summaries.append(summary)
            done.advance(note=f"{summary['rows']:,} rows")
    finally:
        for handle in handles.values():
            handle.close()
    return summaries


def _chosen_users(
    snapshot: Snapshot, window: Window, truth: WindowLabels, users_left: int, calibrate: bool
) -> tuple[Keys, Int8]:
    """Users of a window, sorted, and their parts: up to `users_left` with a label to train on,
    active ones to calibrate.
    """
    ranker, seed = snapshot.config.ranker, snapshot.config.resources.seed
    everyone = np.arange(snapshot.n_users, dtype=np.int32)
    part = user_parts(everyone, ranker.calibration_users, seed)
    draw = hashed(everyone, seed, window.label_start.toordinal())
    acted = np.zeros(snapshot.n_users, bool)
    acted[truth.user] = True
    calibrates = part >= CALIBRATION_A
    cap = round(ranker.max_users * ranker.calibration_users / CALIBRATION_SHARES)

    def known(mask: Bool) -> Keys:
        users = everyone[mask]
        return users[window.inputs.retriever.newest_items(users)[:, 0] >= 0]

    chosen = np.concatenate(
        [
            _first(known(acted & ~calibrates), draw, users_left),
            _first(known(_active(snapshot, window) & calibrates), draw, cap if calibrate else 0),
        ]
    )
    chosen.sort()
    return chosen, part[chosen]


def _first(users: Keys, draw: UInt64, limit: int) -> Keys:
    return users[np.argsort(draw[users], kind="stable")[:limit]]


def _active(snapshot: Snapshot, window: Window) -> Bool:
    """Users who would have got a list of their own at the window's start."""
    activity, until = snapshot.config.activity, window.inputs.cutoffs.history_before
    recent = snapshot.events(until - timedelta(days=activity.within_days), until)
    return np.asarray(np.bincount(recent.user, minlength=snapshot.n_users) >= activity.min_events)


# --- one block of users --------------------------------------------------------------------------


def _blocks(
    config: Config,
    window: Window,
    truth: WindowLabels,
    shown: ShownPairs,
    users: Keys,
    part: Int8,
) -> Iterator[dict[str, AnyArray]]:
    """Columns of a few users at a time; groups count from 0 in each block."""
    day, size = window.label_start.toordinal(), config.serving.block_users
    for start in range(0, len(users), size):
        candidates = window.inputs.retriever.block(users[start : start + size])
        labels = truth.labels(candidates.users, candidates.items)
        parts = part[start : start + size]
        codes = candidates.users.astype(np.int64)[:, None] * truth.n_items + candidates.items
        draw = hashed(codes, config.resources.seed, day)
        position = shown.positions(codes)
        positive, negatives = np.asarray(labels.any(axis=2)), config.ranker.negatives_per_user
        keep, weight = sample_negatives(candidates, positive, position > 0, parts, draw, negatives)
        matrix = feature_matrix(Block(window.inputs, candidates), None, keep)
        at = (matrix.user_row, matrix.column)
        worth = truth.worth(labels, codes)
        _, group = np.unique(matrix.user_row, return_inverse=True)
        yield {
            "X": matrix.X,
            "labels": labels[at],
            **({} if worth is None else {"worth": worth[at]}),
            "user": candidates.users[matrix.user_row],
            "item": candidates.items[at],
            "group": group.astype(np.int32),
            "part": parts[matrix.user_row],
            "weight": weight[at],
            "position": position[at],
        }
