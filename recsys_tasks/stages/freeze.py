"""Stage `freeze`: validate what is new and freeze the night's snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_tasks.stages.stage import Stage

if TYPE_CHECKING:
    from recsys_tasks.config import Config
    from recsys_tasks.snapshot.freeze import FreezeResult
    from recsys_tasks.stages.alarms import OnCall
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage(
    "freeze",
    minutes=60,
    takes_turns=True,
    reads=("extract", "raw_events", "raw_users", "raw_items", "ids", "events", "snapshot"),
    makes=("validation", "ids", "events", "snapshot"),
    emits="snapshot",
)


def run(night: Night) -> Outcome:
    """Validate and freeze. Raises ValidationFailed."""
    from recsys_tasks.snapshot.freeze import freeze
    from recsys_tasks.stages.outcome import Outcome

    done = freeze(night.config, night.lake, night.as_of, night.now)
    tell_of_late_rows(night.on_call, night.config, done)
    figures = {
        "checks": len(done.report.checks),
        "warnings": sum(not c.passed for c in done.report.checks),
        "duplicates": done.duplicates,
        "set_aside": sum(done.waiting.values()),
        "readmitted": done.readmitted,
        "erased": done.erased,
        "hidden": done.hidden,
        "late_rows": done.late_rows,
        "users": done.snapshot.n_users,
        "items": done.snapshot.n_items,
    }
    return Outcome(done.snapshot.artifact, done.snapshot.artifact.rows, figures)


def tell_of_late_rows(on_call: OnCall, config: Config, done: FreezeResult) -> None:
    """Raise an alarm about rows that no night reads, be they few enough for the night to go on."""
    if not done.late_rows or on_call.as_of.isoformat() in config.validation.accepted_losses:
        return
    from recsys_tasks.monitoring.alarms import Alarm

    words = next(check.observed for check in done.report.checks if check.name == "rows_late")
    remedy = f"set extract.lookback_days to that many days; then recsys run --as-of {on_call.as_of}"
    on_call.tell(Alarm("late_rows", "late rows", 0, done.late_rows, words), remedy)
