"""What a release costs to serve: nodes of its trees that are asked for one user's list."""

from __future__ import annotations

import re
from collections.abc import Mapping

from recsys_tasks.lake import Artifact

_LEAVES = re.compile(r"^num_leaves=(\d+)$", flags=re.M)


def tree_nodes(release: Artifact) -> Mapping[str, int]:
    """Inner nodes of a release's trees, by stage (`light`, `heavy`); empty without a ranker.

    The shard loop asks every test of every tree for each row, so this times the rows is what a user
    costs.
    """
    found: dict[str, int] = {}
    for name in release.manifest["files"]:
        stage, _, rest = str(name).partition(".")
        if stage in ("light", "heavy") and rest.endswith(".txt"):
            leaves = map(int, _LEAVES.findall(release.file(name).read_text()))
            found[stage] = found.get(stage, 0) + sum(count - 1 for count in leaves)
    return found


def nodes_a_user(release: Artifact, candidates: int, survivors: int) -> int:
    """Tree nodes asked for one user with `candidates`, of whom a light ranker passes on
    `survivors`.
    """
    nodes = tree_nodes(release)
    passed = min(candidates, survivors) if "light" in nodes else candidates
    return nodes.get("light", 0) * candidates + nodes.get("heavy", 0) * passed
