"""What embeddings and generator tables hold of one user, and how to take it out."""

from __future__ import annotations

import numpy as np

from recsys_tasks.lake import Artifact, Draft
from recsys_tasks.snapshot.erasing import Cut, Subject


def erase_embeddings(artifact: Artifact, subject: Subject) -> list[Cut]:
    """The user's key and vector; users are in no fixed place, so the row goes."""
    keys = np.load(artifact.file("user_keys.npy"))
    mask = keys == subject.key
    if not mask.any():
        return []

    def apply(draft: Draft) -> None:
        np.save(draft.path / "user_keys.npy", keys[~mask])
        vectors = np.load(artifact.file("user_vectors.npy"), mmap_mode="r")
        np.save(draft.path / "user_vectors.npy", vectors[~mask])
        draft.rows -= int(mask.sum())
        draft.facts["users"] = draft.rows

    return [Cut(int(mask.sum()), apply)]


def erase_generators(artifact: Artifact, subject: Subject) -> list[Cut]:
    """The user's history and segment. Row u of both is user key u: it stays, empty and in no
    segment of its own.

    Neighbours, popularity and trends are counts over many users and stay as they were counted.
    """
    offsets = np.load(artifact.file("history_offsets.npy"))
    segment = np.load(artifact.file("segment.npy"))
    if not 0 <= subject.key < len(offsets) - 1:
        return []
    start, end = int(offsets[subject.key]), int(offsets[subject.key + 1])
    rows = end - start + int(segment[subject.key] != 0)

    def apply(draft: Draft) -> None:
        moved = offsets.copy()
        moved[subject.key + 1 :] -= end - start
        np.save(draft.path / "history_offsets.npy", moved)
        for name in _history_fields(artifact):
            values = np.load(artifact.file(name), mmap_mode="r")
            np.save(draft.path / name, np.concatenate([values[:start], values[end:]]))
        segment[subject.key] = 0
        np.save(draft.path / "segment.npy", segment)
        draft.rows -= end - start

    return [Cut(rows, apply)] if rows else []


def _history_fields(artifact: Artifact) -> list[str]:
    """Files with one value an entry of the histories."""
    names = artifact.manifest["files"]
    return [name for name in names if name.startswith("history_") and name != "history_offsets.npy"]
