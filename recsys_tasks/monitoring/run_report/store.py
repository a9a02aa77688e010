"""The report in the lake: `report/<as_of>` holds the page and the values that it was made from.

A page names its sample users, so a user who is erased is taken out of the values and the page is
made again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from recsys_tasks.lake import Artifact, Draft, Lake, code_of
from recsys_tasks.monitoring.kinds import REPORT
from recsys_tasks.monitoring.run_report.blocks import Known
from recsys_tasks.monitoring.run_report.page import render
from recsys_tasks.monitoring.run_report.view import view
from recsys_tasks.snapshot.erasing import Cut, Subject

KIND = REPORT.name
PAGE = "report.html"
_FACTS, _EVIDENCE = "facts.json", "evidence.json"


def keep(
    lake: Lake, as_of: date, facts: dict[str, Any], evidence: dict[str, Any], evidence_from: str
) -> Artifact:
    """Write a night's page; a no-op when it was made of the same facts and evidence."""
    key = as_of.isoformat()
    inputs = {"facts": _hash(_timeless(facts)), "evidence": evidence_from}

    def write(draft: Draft) -> None:
        _write(draft, facts, evidence)
        draft.rows = len(facts.get("stages") or ())

    return lake.make(REPORT, key, inputs=inputs, write=write)


def kept_evidence(lake: Lake, as_of: date, evidence_from: str) -> dict[str, Any] | None:
    """Evidence that an earlier page of the night was made of, when it is still the same."""
    newest = lake.newest(KIND, as_of.isoformat())
    if newest is None or newest.manifest["code"] != code_of(KIND):
        return None
    if newest.manifest["inputs"].get("evidence") != evidence_from:
        return None
    found: dict[str, Any] = json.loads(newest.file(_EVIDENCE).read_text())
    return found


def erase_report(artifact: Artifact, subject: Subject) -> list[Cut]:
    """The user's sample list, and mentions in texts."""
    facts, evidence = (artifact.file(name).read_text() for name in (_FACTS, _EVIDENCE))
    mentions = sum(
        subject.mentions(text) for text in (facts, evidence, artifact.file(PAGE).read_text())
    )
    kept = json.loads(evidence)
    lists = (kept.get("lists") or {}).get("found") or []
    others = [sample for sample in lists if sample["user"] != subject.user_id]
    if not mentions and len(others) == len(lists):
        return []

    def apply(draft: Draft) -> None:
        if len(others) < len(lists):
            kept["lists"] = (
                {"found": others} if others else {"missing": "the only user shown was erased"}
            )
        _write(
            draft, json.loads(subject.without(facts)), json.loads(subject.without(json.dumps(kept)))
        )

    def contents() -> dict[str, Any]:
        samples = [sample for sample in lists if sample["user"] == subject.user_id]
        quoted = {name: subject.quotes(artifact.file(name).read_text()) for name in (_FACTS, PAGE)}
        return {**quoted, _EVIDENCE: [*samples, *subject.quotes(evidence)]}

    return [Cut(max(mentions, len(lists) - len(others)), apply, contents)]


def _write(draft: Draft, facts: dict[str, Any], evidence: Mapping[str, Any]) -> None:
    (draft.path / _FACTS).write_text(json.dumps(facts, indent=1))
    (draft.path / _EVIDENCE).write_text(json.dumps(evidence, indent=1))
    (draft.path / PAGE).write_text(render(view(Known(facts, dict(evidence)))))


def _timeless(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Without what differs from run to run though nothing new was found: durations, and whether
    work was reused.
    """
    stages = [
        {"stage": stage["stage"], "artifact": stage.get("artifact")}
        for stage in facts.get("stages") or ()
    ]
    failures = [{**failure, "failed_at": None} for failure in facts.get("failures") or ()]
    return {**facts, "stages": stages, "failures": failures, "written_at": None, "at": None}


def _hash(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
