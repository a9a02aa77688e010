"""Stage `publish`: check the publication, seal it, and show it to readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_tasks.stages.stage import NightArtifact, Stage

if TYPE_CHECKING:
    from recsys_tasks.lake import Artifact
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Figure, Outcome

STAGE = Stage("publish", minutes=60, opens=(NightArtifact("plan"),), emits="publication")


def run(night: Night, *, plan: Artifact) -> Outcome:
    """Publish what the shards loaded. Raises ServingError when a check fails."""
    from recsys_tasks.errors import ServingError
    from recsys_tasks.serving.publication import CheckLimits, read_publication
    from recsys_tasks.serving.publish import finish, publish
    from recsys_tasks.stages.outcome import Outcome
    from recsys_tasks.stages.plan import plan_of

    loaded = read_publication(night.engine, plan_of(plan).publication_id)
    ready = finish(night.engine, loaded, CheckLimits.of(night.config))
    done = publish(night.engine, ready, who="nightly", now=night.now)
    if done.publication.rows is None:
        raise ServingError(
            expected="a checked publication",
            found=f"publication {done.publication.id} has no row count",
            where="recsys.publication",
            remedy="run the night again from prepare_publication",
        )
    figures: dict[str, Figure] = {
        "publication": done.publication.id,
        "shown": done.moved,
        "reason": done.reason,
    }
    return Outcome(None, done.publication.rows, figures, note=f"publication {done.publication.id}")
