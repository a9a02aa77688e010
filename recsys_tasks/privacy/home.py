"""One user in the texts that this machine keeps beside the lake: spooled alerts, tasks' errors,
task logs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from recsys_tasks.snapshot.erasing import TEXTS, Subject

FOLDERS = ("alerts", "errors", "airflow/logs")
MAX_BYTES = 64_000_000
"""A larger text is no message of ours; it is named as not read."""


def mentions(home: Path, subject: Subject) -> Iterator[tuple[Path, int]]:
    """Files that name the user, and how often."""
    for path in texts(home):
        found = subject.mentions(path.read_text(errors="replace"))
        if found:
            yield path, found


def quotes(home: Path, subject: Subject) -> dict[str, list[str]]:
    """File, relative to the home → its mentions of the user, with what stands around them."""
    return {
        str(path.relative_to(home)): subject.quotes(path.read_text(errors="replace"))
        for path, _ in mentions(home, subject)
    }


def texts(home: Path) -> list[Path]:
    """Every text that is searched."""
    files = [
        path for name in FOLDERS for path in sorted((home / name).rglob("*")) if path.is_file()
    ]
    return [path for path in files if path.suffix in TEXTS and path.stat().st_size <= MAX_BYTES]


def take_out(path: Path, subject: Subject) -> None:
    """Write a text again without its mentions of the user, whole or not at all."""
    draft = path.with_name(path.name + ".tmp")
    draft.write_text(subject.without(path.read_text(errors="replace")))
    draft.replace(path)
