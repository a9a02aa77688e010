"""What feature tables hold of one user, and how to take it out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from recsys_tasks.lake import Artifact, Draft
from recsys_tasks.snapshot.erasing import Cut, Subject, cut_rows, numbers


def erase_features(artifact: Artifact, subject: Subject) -> list[Cut]:
    """The user's rows, in Parquet and in the arrays beside it: there row u is that of user key u,
    so it stays, and its values become NaN.
    """
    cuts = [
        cut
        for name in ("user.parquet", "pair.parquet")
        for cut in cut_rows(artifact, name, subject)
    ]
    if not cuts:
        return []
    arrays = Cut(
        0,
        lambda draft: _cut_arrays(artifact, subject.key, draft),
        lambda: _array_contents(artifact, subject.key),
    )
    return [*cuts, arrays]


def _array_contents(artifact: Artifact, key: int) -> dict[str, Any]:
    """The same values as the Parquet rows have, as ranking reads them."""
    found: dict[str, Any] = {}
    users = _rows(artifact, "user")
    if key < len(users):
        found["user.f32"] = numbers(users[key])
    segment = np.fromfile(artifact.file("user_segment.i32"), np.int32)
    if key < len(segment):
        found["user_segment.i32"] = numbers(segment[key : key + 1])
    offsets = np.load(artifact.file("pair_offsets.npy"))
    if key < len(offsets) - 1:
        own = slice(int(offsets[key]), int(offsets[key + 1]))
        items = np.fromfile(artifact.file("pair_items.i32"), np.int32)
        found["pair_offsets.npy"] = numbers(offsets[key : key + 2])
        found["pair.f32"] = numbers(_rows(artifact, "pair")[own])
        found["pair_items.i32"] = numbers(items[own])
    return found


def _cut_arrays(artifact: Artifact, key: int, draft: Draft) -> None:
    users = _rows(artifact, "user")
    if key < len(users):
        users[key] = np.nan
        users.tofile(draft.path / "user.f32")
    segment = np.fromfile(artifact.file("user_segment.i32"), np.int32)
    if key < len(segment):
        segment[key] = 0
        segment.tofile(draft.path / "user_segment.i32")
    offsets = np.load(artifact.file("pair_offsets.npy"))
    if key < len(offsets) - 1:
        start, stop = int(offsets[key]), int(offsets[key + 1])
        np.delete(_rows(artifact, "pair"), slice(start, stop), axis=0).tofile(
            draft.path / "pair.f32"
        )
        items = np.fromfile(artifact.file("pair_items.i32"), np.int32)
        np.delete(items, slice(start, stop)).tofile(draft.path / "pair_items.i32")
        offsets[key + 1 :] -= stop - start
        np.save(draft.path / "pair_offsets.npy", offsets)


def _rows(artifact: Artifact, family: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    width = len(json.loads(artifact.file(f"{family}.json").read_text()))
    return np.fromfile(artifact.file(f"{family}.f32"), np.float32).reshape(-1, max(width, 1))
