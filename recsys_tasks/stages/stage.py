"""What a stage says of itself, for the runner, for Airflow's plugin and for whatever lists stages.

Every file of a stage declares `STAGE` and has `run(night)`, with the number of a `shard` where it
is sharded, and with what it has the runner open, each under its kind's name: `run(night, plan=…)`.
Airflow reads the declarations in each of its processes, so these files import at module
level nothing but the standard library, this module and other light ones; what a stage computes
with is imported inside `run`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tonights:
    """The newest artifact of a kind whose key is the night.

    The stage gets the opened `Snapshot` of the kind `snapshot`, the `Artifact` of any other.
    """

    kind: str
    optional: bool = False
    """Whether the stage does without it and gets None; otherwise it does not begin."""


SNAPSHOT = Tonights("snapshot")


@dataclass(frozen=True)
class Stage:
    """One step of a night, named as its file is."""

    name: str
    minutes: int
    """How long it may run, at most, before Airflow ends it."""
    opens: tuple[Tonights, ...] = ()
    """Artifacts of the night itself: the runner opens them and hands them over by name."""
    reads: tuple[str, ...] = ()
    """Kinds of the other artifacts that it opens: their keys follow from who serves, or from what
    an opened one says.
    """
    makes: tuple[str, ...] = ()
    """Kinds of the artifacts that it writes."""
    emits: str | None = None
    """The asset that its success updates, which starts the next DAG."""
    sharded: bool = False
    """Whether it runs once a shard, each with the shard's number."""
    takes_turns: bool = False
    """Whether it goes on from what an earlier run of it left: one at a time, for any night."""
    of_ranker: bool = False
    """Whether there is nothing to do on a night that trains no ranker."""

    @property
    def module(self) -> str:
        """The module that has its `run`."""
        return f"{__package__}.{self.name}"
