"""A night's page from what is there so far.

It is written by the `report` stage and whenever a stage fails, so that a night that ends with its
first stage has a page, too. What is costly is measured once: a later run finds it in the earlier
one's page, and a failure measures nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.exc import SQLAlchemyError

from recsys_tasks.clock import start_of
from recsys_tasks.config import config_hash
from recsys_tasks.errors import ArtifactError, RecsysError
from recsys_tasks.gate.evaluate import truth_between
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact
from recsys_tasks.monitoring.run_report import evidence, store
from recsys_tasks.monitoring.run_report.facts import collect, collect_from_lake
from recsys_tasks.ranking.examples.watch_time import fulfilling
from recsys_tasks.ranking.inputs import RankingInputs
from recsys_tasks.ranking.models.held_out import HeldOut
from recsys_tasks.serving.precompute import active_users
from recsys_tasks.stages.inputs import open_inputs, open_recommender
from recsys_tasks.stages.known_nights import require_night
from recsys_tasks.stages.night import Night

_PARTS = ("lists", "shap", "steps", "sizes")
_OFF = (
    "it is off; report.size_curve: true switches it on, for one more training of the light ranker"
)


@dataclass(frozen=True)
class Page:
    """A written page: its artifact, its file, and which costly parts it lacks."""

    artifact: Artifact
    path: Path
    missing: tuple[str, ...]


def write_page(night: Night) -> Page:
    """Write the night's page, `report/<as_of>`."""
    facts = collect(night.lake, night.engine, night.environment, night.config.project, night.as_of)
    facts |= _written(night)
    measured, measured_from = _evidence(night, facts)
    artifact = store.keep(night.lake, night.as_of, facts, measured, measured_from)
    missing = tuple(name for name in _PARTS if "missing" in measured.get(name, {"missing": ""}))
    return Page(artifact, Path(artifact.file(store.PAGE)), missing)


def report_failure(night: Night, stage: str, error: Mapping[str, str]) -> None:
    """Write the page of a night one of whose stages just failed; a database that does not answer is
    said on it.
    """
    where = (night.lake, night.engine, night.environment, night.config.project, night.as_of)
    try:
        facts = collect(*where)
    except (RecsysError, SQLAlchemyError) as second:
        facts = collect_from_lake(night.lake, night.config.project, night.as_of)
        facts["unanswered"] = str(second).splitlines()[0]
    known = facts.get("failures") or []
    if not any(failure["stage"] == stage for failure in known):
        facts["failures"] = [*known, {"stage": stage, "error": dict(error)}]
    facts |= _written(night)
    measured, measured_from = _measured_before(night) or (
        {name: {"missing": f"{stage} failed"} for name in _PARTS},
        config_hash(f"{stage} failed"),
    )
    store.keep(night.lake, night.as_of, facts, measured, measured_from)


def _measured_before(night: Night) -> tuple[dict[str, Any], str] | None:
    """What an earlier page of the night measured, and from what; None when there is nothing."""
    newest = night.lake.newest(store.KIND, night.as_of.isoformat())
    measured_from = str(newest.manifest["inputs"].get("evidence", "")) if newest else ""
    found = store.kept_evidence(night.lake, night.as_of, measured_from)
    return (
        (found, measured_from)
        if found and any("found" in part for part in found.values())
        else None
    )


def _written(night: Night) -> dict[str, str]:
    at = f"{night.now:%Y-%m-%d %H:%M} UTC"
    return {"at": at, "written_at": f"Written {at} by the report stage of {night.config.project}."}


def report_path(night: Night, *, again: bool = False) -> Path:
    """The newest page of the night; it is written when there is none, or `again`.

    Raises ArtifactError for a night that never ran: a date that was mistyped must not become the
    newest page.
    """
    kept = night.lake.newest(store.KIND, night.as_of.isoformat())
    if kept is None:
        require_night(night.lake, night.engine, night.as_of)
    if kept is None or again:
        from recsys_tasks.stages import run_on

        run_on(night, "report")
        kept = night.lake.newest(store.KIND, night.as_of.isoformat())
    assert kept is not None
    return kept.file(store.PAGE)


def _evidence(night: Night, facts: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """What no stage measured, and a hash of what it was measured from."""
    tonight = _tonight(night, facts)
    if isinstance(tonight, str):
        return {name: {"missing": tonight} for name in _PARTS}, config_hash(tonight)
    made_from = config_hash(
        tonight.release.content,
        night.snapshot.artifact.content,
        night.config.report,
        night.config.resources,
    )
    kept = store.kept_evidence(night.lake, night.as_of, made_from)
    return (kept or _measured(night, tonight)), made_from


def _measured(night: Night, tonight: _Tonight) -> dict[str, Any]:
    found = {"lists": evidence.attempt("sample lists", lambda: _lists(night, tonight))}
    if not tonight.has_ranker:
        reason = f"the ranker is off ({tonight.facts.get('reason')})"
        return found | {name: {"missing": reason} for name in ("shap", "steps", "sizes")}
    found["shap"] = evidence.attempt(
        "SHAP values", lambda: evidence.mean_contributions(tonight.held_out)
    )
    found["steps"] = evidence.attempt("the steps curve", lambda: evidence.steps(tonight.held_out))
    found["sizes"] = {"missing": _OFF}
    if "light" not in tonight.facts["models"]:
        found["sizes"] = {"missing": "this release has no light ranker"}
    elif night.config.report.size_curve:
        found["sizes"] = evidence.attempt("the data-size curve", tonight.held_out.sizes)
    return found


@dataclass(frozen=True)
class _Tonight:
    """Tonight's challenger and what it is tried on."""

    night: Night
    release: Artifact
    examples: Artifact
    facts: dict[str, Any]

    @property
    def has_ranker(self) -> bool:
        return "heavy" in self.facts["models"]

    @cached_property
    def held_out(self) -> HeldOut:
        config = self.night.config
        survivors, resources = config.ranker.light_survivors, config.resources
        return HeldOut(self.examples, self.release, survivors, resources.threads, resources.seed)

    @cached_property
    def inputs(self) -> RankingInputs:
        return open_inputs(self.night.snapshot, str(self.facts["lineage"]), self.night.gate)


def _tonight(night: Night, facts: dict[str, Any]) -> _Tonight | str:
    """Tonight's challenger, or why there is none to try."""
    release = facts.get("release")
    if release is None or release["as_of"] != night.as_of.isoformat():
        return "no ranker was trained tonight"
    try:
        artifact = night.lake.require("release", release["release_id"])
        return _Tonight(
            night, artifact, night.lake.require("examples", night.as_of.isoformat()), release
        )
    except ArtifactError as error:
        return f"{error.expected}: {error.found}"


def _lists(night: Night, tonight: _Tonight) -> list[dict[str, Any]]:
    """Lists of some users who did something in the gate window, as of its start."""
    if not night.config.report.sample_users:
        raise ArtifactError(
            expected="report.sample_users above 0",
            found="0",
            where="the settings",
            remedy="raise it to see lists",
        )
    start, end = night.gate.history, start_of(night.as_of)
    window = night.snapshot.events(since=night.timeline.gate_cutoff, before=night.as_of)
    wanted = fulfilling(night.snapshot, window)
    users = np.intersect1d(active_users(night.snapshot, night.config, night.gate), wanted.user)
    earlier = _earlier_events(tonight.inputs, users.astype(np.int32))
    chosen = evidence.choose(users.astype(np.int32), earlier, night.config.report.sample_users)
    samples = evidence.Samples(
        truth_between(wanted, None, start, end, chosen), _earlier_events(tonight.inputs, chosen)
    )
    recommender = open_recommender(night.snapshot, tonight.inputs, tonight.release)
    return evidence.sample_lists(
        recommender, tonight.held_out if tonight.has_ranker else None, samples
    )


def _earlier_events(inputs: RankingInputs, users: Keys) -> list[int]:
    """Events of each user before the cutoff, from the feature that counts them (its logarithm)."""
    counted = inputs.tables.user[users, inputs.tables.user_names.index("events")]
    return [round(float(np.expm1(value))) if value == value else 0 for value in counted]
