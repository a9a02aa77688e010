"""Who serves: the champion and the anchor, their towers' lineages, and whether a release can."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from recsys_tasks.clock import Cutoffs
from recsys_tasks.config import Config
from recsys_tasks.errors import ArtifactError, DamagedArtifact, RecsysError
from recsys_tasks.lake import Artifact, Lake
from recsys_tasks.stages.inputs import lineage_tonight, serving_tower

if TYPE_CHECKING:
    from recsys_tasks.registry.registry import Registry
    from recsys_tasks.serving.publication import ShownThen


def release_facts(release: Artifact) -> dict[str, object]:
    """What release.json says."""
    facts: dict[str, object] = json.loads(release.file("release.json").read_text())
    return facts


def release_lineage(release: Artifact) -> str:
    """The tower lineage whose candidates a release was trained on."""
    return str(release_facts(release)["lineage"])


@dataclass(frozen=True)
class Serving:
    """Who serves on a night: asked of the registry each time, for a judge may move it meanwhile.

    A night that is made while readers see a later one (a backfill) is served by what was live then.
    """

    config: Config
    lake: Lake
    as_of: date
    open_registry: Callable[[], Registry] = field(repr=False)
    find_shown_then: Callable[[], ShownThen | None] = field(repr=False)

    @cached_property
    def registry(self) -> Registry:
        """The releases; loaded when they are first asked for."""
        return self.open_registry()

    def release(self) -> Artifact | None:
        """The champion; the release before it where the champion's files are gone, which the gate's
        verdict says.

        None while no release ever passed the gate, or none is left, or the settings want none:
        retrieval order serves then. Of a backfill: the release of the lists that readers saw then.
        Raises ArtifactError where its files are gone.
        """
        if self.config.ranker.mode == "none":
            return None
        then = self.find_shown_then()
        if then is not None:
            return self._release_of(then)
        return self._release_behind("champion") or self._release_behind("previous")

    def champion_lineage(self) -> tuple[str, ...]:
        """The tower lineage of the release that serves, if there is one."""
        serving = self.release()
        return (release_lineage(serving),) if serving else ()

    def anchor_lineage(self, gate: Callable[[], Cutoffs]) -> tuple[str, ...]:
        """The tower lineage of the anchor, which the gate may judge, if it has a version as old as
        the `gate`'s cutoffs, which are asked for only where there is an anchor.
        """
        anchor = self._release_behind("anchor")
        if anchor is None:
            return ()
        lineage = release_lineage(anchor)
        return (lineage,) if self._has_tower(lineage, gate) else ()

    def lineage(self) -> str:
        """The lineage whose vectors serve tonight: the champion's, or tonight's before the first
        champion.
        """
        return next(iter(self.champion_lineage()), None) or self.lineage_in_training()

    def lineage_in_training(self) -> str:
        """The lineage that tonight's challenger is trained on. Raises ArtifactError before the
        first training.
        """
        return lineage_tonight(self.lake, self.config, self.as_of)

    def why_unusable(self, release: str) -> str | None:
        """Why a release that somebody names cannot serve; None when it can."""
        from recsys_tasks.ranking.models.ranker import Ranker

        try:
            Ranker.open(self.lake.get(self.registry.source(release)))
        except RecsysError as error:
            return f"{error.found}: {error.expected}"
        return None

    def _has_tower(self, lineage: str, gate: Callable[[], Cutoffs]) -> bool:
        """Whether a lineage has a version for the gate's cutoffs. Raises DamagedArtifact."""
        try:
            return serving_tower(self.lake, lineage, gate()) is not None
        except DamagedArtifact:
            raise
        except ArtifactError:
            return False

    def _release_of(self, then: ShownThen) -> Artifact | None:
        served = then.publication
        if served is None or served.release is None:
            return None
        found = self.lake.newest("release", served.release)
        if found is None:
            raise ArtifactError(
                expected=f"release {served.release}, which served on {served.as_of}",
                found="its files are gone: the lake keeps old releases for so long only",
                where=str(self.lake.root / "release"),
                remedy=f"leave the night of {self.as_of} out; readers keep what they see",
            )
        return found

    def _release_behind(self, alias: str) -> Artifact | None:
        release = self.registry.alias(alias)
        if release is None:
            return None
        source = self.registry.source(release)
        # What is gone gives way to the release before it; what is damaged must not, or nobody hears
        # of it.
        return self.lake.get(source) if self.lake.has([source]) else None
