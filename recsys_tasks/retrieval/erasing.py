"""What embeddings and generator tables hold of one user, and how to take it out."""

from __future__ import annotations

from typing import Any

import numpy as np

from recsys_tasks.lake import Artifact, Draft
from recsys_tasks.retrieval.candidates.array_files import BY_USER, USER_LISTS, users_file
from recsys_tasks.snapshot.erasing import Cut, Subject, numbers


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

    def contents() -> dict[str, Any]:
        vectors = np.load(artifact.file("user_vectors.npy"), mmap_mode="r")
        return {"user_keys.npy": [subject.key], "user_vectors.npy": numbers(vectors[mask])}

    return [Cut(int(mask.sum()), apply, contents)]


def erase_generators(artifact: Artifact, subject: Subject) -> list[Cut]:
    """The user's history, and the user's rows of what generators fitted, as the files' names say.

    Row u of the histories and of `by_user` arrays is user key u: it stays, empty or 0 (in no
    segment of its own). Neighbours, popularity and trends are counts over many users and stay as
    they were counted.
    """
    files = artifact.manifest["files"]
    of_users = [name for name in files if name == "segment.npy" or name.endswith(BY_USER)]
    lists = [name for name in files if name.endswith(USER_LISTS)]
    cuts = [
        _history_cut(artifact, subject),
        *(_row_cut(artifact, name, subject) for name in of_users),
        *(_list_cut(artifact, name, subject) for name in lists),
    ]
    return [cut for cut in cuts if cut.rows]


def _history_cut(artifact: Artifact, subject: Subject) -> Cut:
    offsets = np.load(artifact.file("history_offsets.npy"))
    known = 0 <= subject.key < len(offsets) - 1
    start, end = (int(offsets[subject.key]), int(offsets[subject.key + 1])) if known else (0, 0)

    def apply(draft: Draft) -> None:
        moved = offsets.copy()
        moved[subject.key + 1 :] -= end - start
        np.save(draft.path / "history_offsets.npy", moved)
        for name in _history_fields(artifact):
            values = np.load(artifact.file(name), mmap_mode="r")
            np.save(draft.path / name, np.concatenate([values[:start], values[end:]]))
        draft.rows -= end - start

    def contents() -> dict[str, Any]:
        fields = {
            name: numbers(np.load(artifact.file(name), mmap_mode="r")[start:end])
            for name in _history_fields(artifact)
        }
        own = offsets[subject.key : subject.key + 2]
        return {"history_offsets.npy": numbers(own), **fields}

    return Cut(end - start, apply, contents)


def _row_cut(artifact: Artifact, name: str, subject: Subject) -> Cut:
    """Row u is of user key u: it becomes 0."""
    values = np.load(artifact.file(name))
    held = 0 <= subject.key < len(values) and bool(np.any(values[subject.key] != 0))

    def apply(draft: Draft) -> None:
        values[subject.key] = 0
        np.save(draft.path / name, values)

    return Cut(int(held), apply, lambda: {name: numbers(np.atleast_1d(values[subject.key]))})


def _list_cut(artifact: Artifact, name: str, subject: Subject) -> Cut:
    """A column of a table whose column `users` says whose each row is: the user's rows go."""
    theirs = np.load(artifact.file(users_file(name))) == subject.key

    def apply(draft: Draft) -> None:
        values = np.load(artifact.file(name), mmap_mode="r")
        np.save(draft.path / name, values[~theirs])

    def contents() -> dict[str, Any]:
        return {name: numbers(np.load(artifact.file(name), mmap_mode="r")[theirs])}

    return Cut(int(theirs.sum()), apply, contents)


def _history_fields(artifact: Artifact) -> list[str]:
    """Files with one value an entry of the histories."""
    plain = [name for name in artifact.manifest["files"] if name.count(".") == 1]  # no generator's
    return [name for name in plain if name.startswith("history_") and name != "history_offsets.npy"]
