"""Which release serves: champion and anchor, their tower lineages, and whether one is usable."""

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
    """Which release serves a night. The registry is asked each time, because the stage `judge` may
    change the champion in between.

    A backfill (a night that is made while readers see a later one) uses the release that served
    then.
    """

    config: Config
    lake: Lake
    as_of: date
    open_registry: Callable[[], Registry] = field(repr=False)
    find_shown_then: Callable[[], ShownThen | None] = field(repr=False)

    @cached_property
    def registry(self) -> Registry:
        """The model registry; opened at its first use."""
        return self.open_registry()

    def release(self) -> Artifact | None:
        """The champion; the release before it where the champion's files are gone (the gate's
        decision says so). In a backfill: the release of the lists that readers saw then.

        None while no release has passed the gate, where none is left, and where the settings want
        none: then the order of retrieval serves. Raises ArtifactError where the files of a
        backfill's release are gone.
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
        """The tower lineage of the anchor, if it has a version for the gate's cutoffs. `gate` gives
        these cutoffs; it is called only where there is an anchor.
        """
        anchor = self._release_behind("anchor")
        if anchor is None:
            return ()
        lineage = release_lineage(anchor)
        return (lineage,) if self._has_tower(lineage, gate) else ()

    def lineage(self) -> str:
        """The lineage whose vectors serve tonight: the champion's, or, before the first champion,
        the lineage in training.
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
        # Where files are gone, the release before serves. Damaged files must raise instead, or
        # nobody would notice the damage.
        return self.lake.get(source) if self.lake.has([source]) else None
