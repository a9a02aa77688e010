"""Stage `freeze`: validate what is new and freeze the night's snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_tasks.stages.stage import Stage

if TYPE_CHECKING:
    from recsys_tasks.config import Config
    from recsys_tasks.lake import Lake
    from recsys_tasks.snapshot.freeze import FreezeResult
    from recsys_tasks.stages.alarms import OnCall
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

TOLD_OTHERWISE = ("rows_late", "shown_title")
"""Late rows have an alarm of their own; items without a title are shown by their id."""
AFTER_A_WARNING = (
    "if the export is broken, deliver anew and run the night again; if the data is right, nothing"
)

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
    tell_of_warnings(night.on_call, night.lake, done)
    facts = done.snapshot.artifact.facts
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
        **{name: facts[name] for name in ("negatives", "taken_back", "left_out") if name in facts},
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


def tell_of_warnings(on_call: OnCall, lake: Lake, done: FreezeResult) -> None:
    """Raise one alarm for the checks that warn tonight and did not the night before."""
    from recsys_tasks.monitoring.alarms import Alarm

    nights = [key for key in lake.keys("validation") if key < on_call.as_of.isoformat()]
    before = lake.require("validation", nights[-1]).facts.get("warnings", ()) if nights else ()
    new = [
        check
        for check in done.report.warnings
        if f"{check.suite}.{check.name}" not in before
        and check.told
        and check.name not in TOLD_OTHERWISE
    ]
    if new:
        words = "; ".join(check.sentence() for check in new)
        remedy = f"recsys report --as-of {on_call.as_of}; {AFTER_A_WARNING}"
        on_call.tell(Alarm("data_warning", "data checks", 0, len(new), words), remedy)
