"""What a stage says of itself, for the runner, for Airflow's plugin and for whatever lists stages.

Every file of a stage declares `STAGE` and has `run(night)`, or `run(night, shard)` where it is
sharded. Airflow reads the declarations in each of its processes, so these files import at module
level nothing but the standard library, this module and other light ones; what a stage computes
with is imported inside `run`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """One step of a night, named as its file is."""

    name: str
    minutes: int
    """How long it may run, at most, before Airflow ends it."""
    reads: tuple[str, ...] = ()
    """Kinds of the artifacts that it opens."""
    makes: tuple[str, ...] = ()
    """Kinds of the artifacts that it writes."""
    emits: str | None = None
    """The asset that its success updates, which starts the next DAG."""
    sharded: bool = False
    """Whether it runs once a shard, each with the shard's number."""
    takes_turns: bool = False
    """Whether it goes on from what an earlier run of it left: one at a time, for any night."""

    @property
    def module(self) -> str:
        """The module that has its `run`."""
        return f"{__package__}.{self.name}"
