"""What the stages wrote about a night, as plain values: from the lake, the database and the spool
of alerts.

Nothing is required: a night that stopped early, or whose artifacts retention removed, has fewer
facts.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from sqlalchemy import Engine, text

from recsys_tasks.clock import parse_day
from recsys_tasks.config import Environment
from recsys_tasks.lake import Artifact, Lake
from recsys_tasks.lake.keys import Reference, ReleaseKey
from recsys_tasks.monitoring.alerts.spool import spool_of

Facts = Mapping[str, Any]

_STAGES = (
    "SELECT stage, seconds, rows, figures, artifact FROM recsys.stage_runs"
    " WHERE as_of = :day AND stage NOT LIKE 'report%' ORDER BY id"
)
# The newest error of each stage that has not ended well since.
_FAILURES = (
    "SELECT DISTINCT ON (f.stage) f.stage, f.error, f.failed_at FROM recsys.stage_failures AS f"
    " WHERE f.as_of = :day AND NOT EXISTS (SELECT FROM recsys.stage_runs AS r WHERE r.as_of ="
    " f.as_of AND r.stage = f.stage AND r.finished_at >= f.failed_at) ORDER BY f.stage, f.id DESC"
)
_TOWERS = (
    "SELECT DISTINCT ON (learned_before) lineage, learned_before, ledger FROM"
    " recsys.tower_version_rows WHERE lineage = :lineage AND learned_before <= :day ORDER BY"
    " learned_before DESC, recorded_at DESC LIMIT 60"
)
_LINEAGE = (
    "SELECT lineage FROM recsys.tower_version_rows WHERE learned_before <= :day"
    " ORDER BY learned_before DESC, recorded_at DESC LIMIT 1"
)
_METRICS = "SELECT scope, name, value FROM recsys.metrics WHERE as_of = :day ORDER BY scope, name"
_REALISED = (
    "SELECT as_of, name, value FROM recsys.metrics WHERE scope = 'realised' AND as_of < :day AND"
    " name IN ('ndcg@10', 'popular/ndcg@10', 'hr@10', 'popular/hr@10') ORDER BY as_of DESC"
    " LIMIT 240"
)
_REALISED_BY = (
    "SELECT as_of, scope, name, value FROM recsys.metrics WHERE scope LIKE 'realised%' AND as_of ="
    " (SELECT max(as_of) FROM recsys.metrics WHERE scope = 'realised' AND as_of < :day) ORDER BY"
    " scope, name"
)
_ALERTS = (
    "SELECT incident, raised_at, as_of, dag, task, kind, severity, message, reader_state, remedy,"
    " runbook FROM recsys.alerts WHERE as_of = :day ORDER BY id"
)
_PUBLICATIONS = (
    "SELECT publication_id, as_of, status, current, release, tower_version, rows, published_at,"
    " note FROM recsys.publications WHERE as_of = :day ORDER BY publication_id"
)
_STATUS = (
    "SELECT publication_id, as_of, release, rows, published_at, on_hold, hold_who, hold_why FROM"
    " recsys.status"
)


def collect(
    lake: Lake, engine: Engine, environment: Environment, project: str, as_of: date
) -> dict[str, Any]:
    """Everything that was written about a night, ready for JSON."""
    return _plain(
        {**collect_from_lake(lake, project, as_of), **_tables(engine, environment, as_of)}
    )


def collect_from_lake(lake: Lake, project: str, as_of: date) -> dict[str, Any]:
    """The same without what the database knows."""
    night = as_of.isoformat()
    decision = _json(lake.newest("decision", night), "decision.json")
    release = (
        lake.newest("release", decision["challenger"]) if decision else _release_of(lake, night)
    )
    return _plain({
        "project": project,
        "as_of": night,
        **_data(lake, night),
        "index": _facts(lake.newest("index", night)),
        "decision": decision,
        "figures": _json(lake.newest("decision", night), "figures.json"),
        "release": _json(release, "release.json"),
    })  # fmt: skip


def _plain(facts: Facts) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(facts, default=str))
    return plain


def _data(lake: Lake, night: str) -> dict[str, Any]:
    extract, snapshot = lake.newest("extract", night), lake.newest("snapshot", night)
    parts = _json(snapshot, "parts.json") or {}
    rows = [[day, _rows(lake, reference)] for day, reference in sorted(parts.items())[-90:]]
    return {
        "extract": {**extract.facts, "rows": extract.rows} if extract else None,
        "validation": _json(lake.newest("validation", night), "report.json"),
        "snapshot": {k: v for k, v in snapshot.facts.items() if k != "days"} if snapshot else None,
        "new_days": list(snapshot.facts.get("days", ())) if snapshot else [],
        "rows_by_day": [pair for pair in rows if pair[1] is not None],
    }


def _rows(lake: Lake, reference: str) -> int | None:
    kind, key, _ = Reference.parse(reference)
    return next((a.rows for a in lake.versions(kind, key) if a.reference == reference), None)


def _release_of(lake: Lake, night: str) -> Artifact | None:
    """The release trained on this night, where the judge did not run."""
    stem = ReleaseKey.stem(parse_day(night))
    keys = [key for key in lake.keys("release") if key.startswith(f"{stem}-")]
    return lake.newest("release", keys[-1]) if keys else None


def _json(artifact: Artifact | None, name: str) -> Any:
    if artifact is None or name not in artifact.manifest["files"]:
        return None
    return json.loads(artifact.file(name).read_text())


def _facts(artifact: Artifact | None) -> dict[str, Any] | None:
    return {**artifact.facts, "rows": artifact.rows} if artifact else None


# --- the database --------------------------------------------------------------------------------


def _tables(engine: Engine, environment: Environment, day: date) -> dict[str, Any]:
    with engine.connect() as connection:

        def rows(query: str, **values: Any) -> list[dict[str, Any]]:
            return [
                dict(row)
                for row in connection.execute(text(query), {"day": day, **values}).mappings()
            ]

        stages = {row["stage"]: row for row in rows(_STAGES)}
        lineage = next((row["lineage"] for row in rows(_LINEAGE)), None)
        metrics: dict[str, dict[str, float | None]] = defaultdict(dict)
        for row in rows(_METRICS):
            metrics[row["scope"]][row["name"]] = row["value"]
        return {
            "stages": list(stages.values()),
            "failures": rows(_FAILURES),
            "lineage": lineage,
            "towers": rows(_TOWERS, lineage=lineage)[::-1],
            "metrics": dict(metrics),
            "realised": rows(_REALISED),
            "realised_by": rows(_REALISED_BY),
            "alerts": _alerts(rows(_ALERTS), environment, day),
            "publications": rows(_PUBLICATIONS),
            "status": next(iter(rows(_STATUS)), None),
        }


def _alerts(
    kept: list[dict[str, Any]], environment: Environment, day: date
) -> list[dict[str, Any]]:
    """Alerts of the night: those in the table, and those that still wait in the spool."""
    known = {alert["incident"] for alert in kept}
    spooled = (alert for alert, _ in spool_of(environment).all())
    waiting = [asdict(alert) for alert in spooled if alert.as_of == day.isoformat()]
    return kept + [alert for alert in waiting if alert["incident"] not in known]
