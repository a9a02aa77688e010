"""Who serves: the champion and the anchor, their towers' lineages, and whether a release can."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from recsys_tasks.errors import ArtifactError, DamagedArtifact, RecsysError
from recsys_tasks.lake import Artifact
from recsys_tasks.stages.inputs import lineage_tonight, serving_tower

if TYPE_CHECKING:
    from recsys_tasks.stages.night import Night


def serving_release(night: Night) -> Artifact | None:
    """The champion; the release before it where the champion's files are gone, which the gate's
    verdict says.

    None while no release ever passed the gate, or none is left, or the settings want none:
    retrieval order serves then.
    """
    if night.config.ranker.mode == "none":
        return None
    return _release_behind(night, "champion") or _release_behind(night, "previous")


def release_facts(release: Artifact) -> dict[str, object]:
    """What release.json says."""
    facts: dict[str, object] = json.loads(release.file("release.json").read_text())
    return facts


def release_lineage(release: Artifact) -> str:
    """The tower lineage whose candidates a release was trained on."""
    return str(release_facts(release)["lineage"])


def champion_lineage(night: Night) -> tuple[str, ...]:
    """The tower lineage of the release that serves, if there is one."""
    serving = serving_release(night)
    return (release_lineage(serving),) if serving else ()


def anchor_lineage(night: Night) -> tuple[str, ...]:
    """The tower lineage of the anchor, which the gate may judge, if it has a version that old."""
    anchor = _release_behind(night, "anchor")
    if anchor is None:
        return ()
    lineage = release_lineage(anchor)
    return (lineage,) if tower_before(night, lineage) else ()


def served_lineage(night: Night) -> str:
    """The lineage whose vectors serve tonight: the champion's, or tonight's before the first
    champion.
    """
    return next(iter(champion_lineage(night)), None) or lineage_tonight(
        night.lake, night.config, night.as_of
    )


def tower_before(night: Night, lineage: str) -> bool:
    """Whether a lineage has a version for the gate's cutoffs. Raises DamagedArtifact."""
    try:
        return serving_tower(night.lake, lineage, night.gate) is not None
    except DamagedArtifact:
        raise
    except ArtifactError:
        return False


def why_unusable(night: Night, release: str) -> str | None:
    """Why a release that somebody names cannot serve; None when it can."""
    from recsys_tasks.ranking.models.ranker import Ranker

    try:
        Ranker.open(night.lake.get(night.registry.source(release)))
    except RecsysError as error:
        return f"{error.found}: {error.expected}"
    return None


def _release_behind(night: Night, alias: str) -> Artifact | None:
    release = night.registry.alias(alias)
    if release is None:
        return None
    source = night.registry.source(release)
    # What is gone gives way to the release before it; what is damaged must not, or nobody hears of
    # it.
    return night.lake.get(source) if night.lake.has([source]) else None
