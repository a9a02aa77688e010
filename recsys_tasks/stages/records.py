"""What the pipeline writes down about itself in PostgreSQL: stage runs, tower ledgers, metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Literal

from sqlalchemy import Engine, text

from recsys_tasks.database import transaction
from recsys_tasks.stages.outcome import StageResult

_STAGE_RUN = text(
    "INSERT INTO recsys.stage_runs (as_of, stage, seconds, cpu_seconds, peak_bytes, rows, figures,"
    " artifact) VALUES (:as_of, :stage, :seconds, :cpu_seconds, :peak_bytes, :rows,"
    " CAST(:figures AS jsonb), :artifact)"
)
_FAILURE = text(
    "INSERT INTO recsys.stage_failures (as_of, stage, error) VALUES (:as_of, :stage, CAST(:error AS"
    " jsonb))"
)
_TOWER = text(
    "INSERT INTO recsys.tower_version_rows AS t (lineage, learned_before, artifact, ledger) VALUES"
    " (:lineage, :learned_before, :artifact, CAST(:ledger AS jsonb)) ON CONFLICT (lineage,"
    " learned_before) DO UPDATE SET artifact = excluded.artifact, ledger = excluded.ledger,"
    " recorded_at = now() WHERE t.artifact <> excluded.artifact"
)
_RECORDED = text("SELECT artifact FROM recsys.tower_version_rows")
_ARTIFACTS = text(
    "SELECT DISTINCT artifact FROM recsys.stage_runs WHERE as_of = :day AND artifact IS NOT NULL"
)
_CHALLENGER = text(
    "SELECT artifact FROM recsys.stage_runs WHERE as_of = :day AND stage = 'train_ranker' "
    "AND artifact LIKE 'release/%' ORDER BY id DESC LIMIT 1"
)
_METRIC = text(
    "INSERT INTO recsys.metric_rows (as_of, scope, name, value) VALUES (:as_of, :scope, :name,"
    " :value) ON CONFLICT (as_of, scope, name) DO UPDATE SET value = EXCLUDED.value"
)
_FORGET_SLICES = text("DELETE FROM recsys.slice_rows WHERE as_of = :as_of AND measured = :measured")
_SLICE = text(
    "INSERT INTO recsys.slice_rows (as_of, measured, system, slice, metric, users, mean, low, high)"
    " VALUES (:as_of, :measured, :system, :slice, :metric, :users, :mean, :low, :high)"
)


def record_stage(engine: Engine, result: StageResult) -> None:
    """Append one stage run."""
    row = {
        "as_of": result.as_of,
        "stage": result.stage,
        "seconds": result.seconds,
        "cpu_seconds": result.cpu_seconds,
        "peak_bytes": result.peak_bytes,
        "rows": result.rows,
        "figures": _json({**result.figures, "reused": result.reused}),
        "artifact": result.artifact,
    }
    with transaction(engine) as connection:
        connection.execute(_STAGE_RUN, row)


def record_failure(engine: Engine, as_of: date, stage: str, error: Mapping[str, str]) -> None:
    """Append a stage that ended in an error, with the error's parts."""
    row = {"as_of": as_of, "stage": stage, "error": _json(error)}
    with transaction(engine) as connection:
        connection.execute(_FAILURE, row)


def recorded_artifacts(engine: Engine, as_of: date) -> set[str]:
    """References recorded by earlier runs of a night: what comes back unchanged is reused."""
    with transaction(engine) as connection:
        return set(connection.execute(_ARTIFACTS, {"day": as_of}).scalars())


def last_trained(engine: Engine, as_of: date) -> str | None:
    """Reference of what a night's last training made: one night may have several releases, of
    several settings.
    """
    with transaction(engine) as connection:
        found: str | None = connection.execute(_CHALLENGER, {"day": as_of}).scalar()
    return found


def recorded_towers(engine: Engine) -> set[str]:
    """References of the tower versions whose ledger is kept already."""
    with transaction(engine) as connection:
        return set(connection.execute(_RECORDED).scalars())


def record_tower(
    engine: Engine, lineage: str, learned_before: date, artifact: str, ledger: Mapping[str, object]
) -> None:
    """Keep a tower version's warm-start ledger, one row a lineage and day: a training on corrected
    data replaces it.
    """
    row = {
        "lineage": lineage,
        "learned_before": learned_before,
        "artifact": artifact,
        "ledger": _json(ledger),
    }
    with transaction(engine) as connection:
        connection.execute(_TOWER, row)


def record_metrics(engine: Engine, as_of: date, scope: str, values: Mapping[str, float]) -> None:
    """Keep a night's metrics of one scope; a rerun replaces them."""
    rows = [
        {"as_of": as_of, "scope": scope, "name": n, "value": _finite(v)} for n, v in values.items()
    ]
    if rows:
        with transaction(engine) as connection:
            connection.execute(_METRIC, rows)


@dataclass(frozen=True)
class SliceFigure:
    """A metric's mean over a group of users who did something, with its interval; NaN without any.

    `system` says whose lists, as the view `recsys.slices` has it.
    """

    system: str
    slice: str
    metric: str
    users: int
    mean: float
    low: float
    high: float


def record_slices(
    engine: Engine, as_of: date, measured: Literal["gate", "realised"], found: Sequence[SliceFigure]
) -> None:
    """Keep what was measured of a night's groups of users, instead of what was there of it; nothing
    is touched where nothing was measured.
    """
    if not found:
        return
    about = {"as_of": as_of, "measured": measured}
    rows = [
        {**about, **asdict(one)}
        | {name: _finite(getattr(one, name)) for name in ("mean", "low", "high")}
        for one in found
    ]
    with transaction(engine) as connection:
        connection.execute(_FORGET_SLICES, about)
        connection.execute(_SLICE, rows)


def _finite(value: float) -> float | None:
    return value if value == value and abs(value) != float("inf") else None


def _json(values: Mapping[str, object]) -> str:
    def plain(value: object) -> object:
        if isinstance(value, float):
            return _finite(value)
        if isinstance(value, list):
            return [plain(part) for part in value]
        return value

    return json.dumps({name: plain(value) for name, value in values.items()}, default=str)
