"""What ranker examples hold of one user, and how to take it out."""

from __future__ import annotations

from typing import Any

import numpy as np

from recsys_tasks.lake import Artifact, Draft
from recsys_tasks.ranking.examples.files import COLUMNS, Examples
from recsys_tasks.snapshot.erasing import Cut, Subject, numbers


def erase_examples(artifact: Artifact, subject: Subject) -> list[Cut]:
    """The user's rows in every flat file. Groups are runs of equal numbers, so a number that is
    gone harms nothing.
    """
    if not artifact.rows:
        return []
    users = np.fromfile(artifact.file("user.bin"), np.int32)
    mask = users == subject.key
    if not mask.any():
        return []

    def apply(draft: Draft) -> None:
        for name in artifact.manifest["files"]:
            if name.endswith(".bin"):
                raw = np.memmap(artifact.file(name), np.uint8, "r")
                raw.reshape(len(users), -1)[~mask].tofile(draft.path / name)
        draft.rows -= int(mask.sum())

    def contents() -> dict[str, Any]:
        opened = Examples.open(artifact)
        columns = {name: numbers(np.asarray(getattr(opened, name))[mask]) for name in COLUMNS}
        inputs = {"columns": list(opened.names), **numbers(opened.X[mask])}
        worth = {"worth.bin": numbers(opened.worth[mask])} if opened.worth is not None else {}
        flat = {f"{name}.bin": values for name, values in columns.items()}
        return {"X.bin": inputs, "labels.bin": numbers(opened.labels[mask]), **worth, **flat}

    return [Cut(int(mask.sum()), apply, contents)]
