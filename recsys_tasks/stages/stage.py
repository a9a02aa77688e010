"""The declaration of a stage, for the runner, Airflow's plugin and commands that list stages.

Every file of a stage declares `STAGE` and has a function `run`. Its arguments are the night, the
number of the shard where the stage is sharded, and each artifact of `opens`, under its kind's name:
`run(night, shard, snapshot=…, plan=…)`.
Airflow reads the declarations in each of its processes, so these files import at module
level nothing but the standard library, this module and other light ones; what a stage computes
with is imported inside `run`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NightArtifact:
    """An artifact that the runner opens for a stage: the newest of its kind whose key is the night.

    Of the kind `snapshot` the stage gets the opened `Snapshot`, of any other kind the `Artifact`.
    """

    kind: str
    optional: bool = False
    """Whether the stage gets None where there is no such artifact; otherwise it does not begin."""


SNAPSHOT = NightArtifact("snapshot")


@dataclass(frozen=True)
class Stage:
    """One step of a night, named as its file is."""

    name: str
    minutes: int
    """How long a try may take at most, where `schedule.limit_minutes` does not say otherwise."""
    opens: tuple[NightArtifact, ...] = ()
    """Artifacts of the night itself: the runner opens them and hands them over by name."""
    reads: tuple[str, ...] = ()
    """Kinds of the artifacts that the stage opens itself: their keys depend on the release that
    serves, or are named in an artifact of `opens`.
    """
    makes: tuple[str, ...] = ()
    """Kinds of the artifacts that it writes."""
    emits: str | None = None
    """The asset that its success updates, which starts the next DAG."""
    sharded: bool = False
    """Whether it runs once a shard, each with the shard's number."""
    takes_turns: bool = False
    """Whether it continues what an earlier run of it wrote, so that only one may run at a time,
    for whatever night.
    """
    of_ranker: bool = False
    """Whether it does nothing on a night that trains no ranker."""

    @property
    def module(self) -> str:
        """The module that has its `run`."""
        return f"{__package__}.{self.name}"
