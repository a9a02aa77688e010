"""The plan of a night's publication, which its shards, the publish stage and monitoring read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date

import numpy as np

from recsys_tasks.config import Config, config_hash
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact, Lake
from recsys_tasks.serving.kinds import PLAN
from recsys_tasks.snapshot.bans import ends_ban


@dataclass(frozen=True)
class Plan:
    """What tonight's shards read: fixed by `prepare_publication`, so that all shards agree."""

    publication_id: int
    token: str
    lineage: str
    tower: str
    index: str
    release: str | None
    contents: Mapping[str, str]


def list_settings(config: Config) -> str:
    """Hash of the settings that shape lists."""
    # How the work is divided among tasks does not change a list.
    serving = config.serving.model_copy(
        update={"shards": 1, "parallel_shards": 1, "keep_publications": 1}
    )
    return config_hash(
        config.generators,
        config.ranker,
        config.rerank,
        config.activity,
        serving,
        config.repeat_consumption,
        *config.eligibility.rules,
        *(str(ends_ban(config, negative)) for negative in config.events.negatives),
    )


def write_plan(lake: Lake, as_of: date, settings: str, plan: Plan, users: Keys) -> Artifact:
    """Keep a night's plan and its users `[n]`, sorted; a no-op where the newest says the same."""
    key = as_of.isoformat()
    inputs = {**plan.contents, "publication": str(plan.publication_id)}
    found = lake.made_of(PLAN, key, inputs, settings)
    # Not `Lake.make`: equal contents may have other names now (an index that was damaged is made
    # again under a new one), and only the newest counts.
    if found is not None and lake.newest(PLAN.name, key) == found and plan_of(found) == plan:
        return found
    with lake.writing(PLAN, key, inputs=inputs, config=settings) as draft:
        (draft.path / "plan.json").write_text(json.dumps(asdict(plan), indent=1))
        np.save(draft.path / "users.npy", users)
        draft.rows = 1
    return draft.finished


def read_plan(lake: Lake, as_of: date) -> Plan:
    """A night's plan. Raises ArtifactError when prepare_publication did not run."""
    return plan_of(lake.require(PLAN.name, as_of.isoformat()))


def planned_users(artifact: Artifact) -> Keys:
    """`[n] int32`: every user of a plan, sorted."""
    users: Keys = np.load(artifact.file("users.npy"))
    return users


def plan_of(artifact: Artifact) -> Plan:
    """The plan that an artifact holds. Raises ArtifactError where its file is gone or damaged."""
    return Plan(**json.loads(artifact.file("plan.json").read_text()))
