"""What a shard's lists hold of one user, and how to take it out."""

from __future__ import annotations

import hashlib

import numpy as np

from recsys_tasks.lake import Artifact, Draft
from recsys_tasks.lake.table_files import read_columns
from recsys_tasks.serving.precompute import lists_file
from recsys_tasks.snapshot.erasing import Cut, Subject, cut_rows


def erase_lists(artifact: Artifact, subject: Subject) -> list[Cut]:
    """The user's list. The hash of the shard's users is an input: it is made anew, so that a rerun
    finds the shard.
    """
    file = lists_file(artifact)
    users = read_columns(file, ["user_key"])["user_key"].to_numpy()
    if subject.key not in users:
        return []

    def apply(draft: Draft) -> None:
        for name, value in draft.inputs.items():
            if value == _hash(users):
                draft.inputs[name] = _hash(users[users != subject.key])

    return [*cut_rows(artifact, file.name, subject), Cut(0, apply, dict)]


def _hash(users: np.ndarray[tuple[int], np.dtype[np.int32]]) -> str:
    return hashlib.sha256(np.sort(users).astype(np.int32).tobytes()).hexdigest()[:16]
