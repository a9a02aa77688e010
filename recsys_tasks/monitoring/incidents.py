"""What a failed task leaves behind for the alert: one small JSON file with the four parts of its error."""

from __future__ import annotations

import json
import re
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

from recsys_tasks.errors import RecsysError


@dataclass(frozen=True)
class FailedTask:
    """One task's last error, in the four parts of a RecsysError."""

    task: str
    stage: str
    error: str
    expected: str
    found: str
    where: str
    remedy: str


def record_error(folder: Path, name: str, stage: str, error: BaseException) -> Path:
    """Write `folder/name.json`, over an earlier try's."""
    parts = error_parts(error)
    path = folder / f"{safe_name(name)}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(asdict(FailedTask(task=name, stage=stage, **parts)), indent=1))
    draft.replace(path)
    return path


def error_parts(error: BaseException) -> dict[str, str]:
    """The class and the four parts of any error, as the alert shows them."""
    return error.as_dict() if isinstance(error, RecsysError) else _describe(error)


def clear_error(folder: Path, name: str) -> None:
    """Forget an earlier try's error, after the task succeeded."""
    (folder / f"{safe_name(name)}.json").unlink(missing_ok=True)


def read_errors(folder: Path) -> list[FailedTask]:
    """Every recorded error of a run, by task name. A file that cannot be read is left out."""
    errors = []
    for path in sorted(folder.glob("*.json")):
        try:
            errors.append(FailedTask(**json.loads(path.read_text())))
        except (ValueError, TypeError, OSError):
            continue
    return errors


def safe_name(text: str) -> str:
    """A file name for a run id or task id: `:`, `+` and `/` become `_`."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text)


def _describe(error: BaseException) -> dict[str, str]:
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno} in {frames[-1].name}" if frames else "unknown"
    return {
        "error": type(error).__name__,
        "expected": "the stage to finish",
        "found": f"{type(error).__name__}: {error}".strip()[:2000],
        "where": where,
        "remedy": "read the task's log and correct the cause",
    }
