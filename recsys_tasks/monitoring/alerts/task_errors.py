"""What a failed task leaves behind for the alert: a small text with the parts of its error."""

from __future__ import annotations

import json
import os
import re
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from recsys_tasks.errors import DISK, Killed, RecsysError, TransientError, Unwritable
from recsys_tasks.monitoring.alerts.kept_texts import Place
from recsys_tasks.monitoring.alerts.wording import without_secrets
from recsys_tasks.retries import Patience, patience_with

_PACKAGE = str(Path(__file__).resolve().parents[2])


@dataclass(frozen=True)
class FailedTask:
    """One task's error, in the four parts of a RecsysError, and the try that it ended."""

    task: str
    stage: str
    error: str
    expected: str
    found: str
    where: str
    remedy: str
    started: str = ""
    """When the task's run started, in the words of `utc_text`; a cleared run starts anew."""
    try_number: int = 0


@dataclass(frozen=True)
class FailedRun:
    """A DAG run that failed; `tasks` names failed tasks when none left an error (killed, out of
    memory).
    """

    dag: str
    run: str
    """Airflow's run id."""
    started: str
    as_of: str
    """The night, YYYY-MM-DD, or empty."""
    errors: Sequence[FailedTask]
    tasks: Sequence[str]


def describe_error(
    task: str, stage: str, error: BaseException, *, started: str = "", try_number: int = 0
) -> FailedTask:
    """An error as an alert tells it."""
    return FailedTask(
        task=task, stage=stage, **error_parts(error), started=started, try_number=try_number
    )


def record_error(place: Place, failed: FailedTask) -> None:
    """Keep the error, in place of an earlier try's. Raises OSError."""
    place.write(safe_name(failed.task), json.dumps(asdict(failed), indent=1))


def error_parts(error: BaseException) -> dict[str, str]:
    """The class and the four parts of any error, as the alert shows them.

    Of an error that is not the pipeline's own, its class and place only: what its text holds (rows,
    credentials) stays in the task's log. A disk's says which file could not be written, and why.
    """
    error = _of_a_disk(error) or error
    parts = error.as_dict() if isinstance(error, RecsysError) else _foreign(error)
    return {name: without_secrets(text) for name, text in parts.items()}


def clear_error(place: Place, name: str) -> None:
    """Forget an earlier try's error: if the one that begins is killed, nothing must speak for it.
    Raises OSError.
    """
    place.remove(safe_name(name))


def read_errors(
    place: Place, *, started: str = "", last_try: tuple[str, int] | None = None
) -> list[FailedTask]:
    """Errors of the run that started then, by task name. A text that is none is left out.

    `last_try` is a failed task and the number of its last try: an error of an earlier one is not
    why it failed now.
    """
    errors = [e for e in _recorded(place) if not (started and e.started) or e.started == started]
    if last_try is None:
        return errors
    name, number = last_try
    return [e for e in errors if e.task != name or not e.try_number or e.try_number == number]


def _recorded(place: Place) -> Iterator[FailedTask]:
    for _, text in sorted(place.read_all().items()):
        try:
            yield FailedTask(**json.loads(text))
        except (ValueError, TypeError):
            continue


def killed(task: str, found: str) -> Killed:
    """The error of a task that left none."""
    return Killed(
        expected="the task to end by itself",
        found=f"{found} without an error, as when memory ran out",
        where=task,
        remedy="see how much memory the machine had, lower resources.threads or batch sizes",
    )


def begin_try(place: Place, name: str, attempt: int) -> int:
    """Note that a try begins; returns how many before it in a row did not come to an end.

    `attempt` counts from 1 and begins anew where the task was cleared. Raises OSError.
    """
    before = 0
    with suppress(ValueError):
        before = int(place.read(_trying(name)) or 0) if attempt > 1 else 0
    place.write(_trying(name), str(before + 1))
    return before


def end_try(place: Place, name: str) -> None:
    """Note that the try came to an end, whatever it was. Raises OSError."""
    place.remove(_trying(name))


def _trying(name: str) -> str:
    return f"{safe_name(name)}.trying"


def safe_name(text: str) -> str:
    """A name for a run id or task id: `:`, `+` and `/` become `_`."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text)


def _of_a_disk(error: BaseException) -> Unwritable | None:
    """The error of a full or read-only disk in our own words; None for any other."""
    if not isinstance(error, OSError) or error.errno not in DISK:
        return None
    return Unwritable(
        expected="a file system with room that can be written",
        found=os.strerror(error.errno),
        where=str(error.filename or _place(error)),
        remedy="make room there, or make it writable again, then run the task again",
    )


def _foreign(error: BaseException) -> dict[str, str]:
    kind = type(error).__name__
    outside = patience_with(error) is Patience.LONG
    return {
        "error": TransientError.__name__ if outside else kind,
        "expected": "the outside world to answer" if outside else "the stage to finish",
        "found": f"{kind}; its text is in the task's log only",
        "where": _place(error),
        "remedy": "read the task's log and correct the cause",
    }


def _place(error: BaseException) -> str:
    """The innermost line, and before it the innermost of the pipeline's own."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "unknown"
    ours = [frame for frame in frames if frame.filename.startswith(_PACKAGE)]
    shown = [ours[-1], frames[-1]] if ours and ours[-1] is not frames[-1] else [frames[-1]]
    return ", called from ".join(
        f"{Path(f.filename).name}:{f.lineno} in {f.name}" for f in reversed(shown)
    )
