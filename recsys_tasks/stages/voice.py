"""What a stage says in the log: its start, what it reads, how it ended. No user is named."""

from __future__ import annotations

import logging
from datetime import date

from recsys_tasks.lake import Artifact
from recsys_tasks.stages.outcome import StageResult

log = logging.getLogger(__name__)
_named: set[str] = set()


def starts(label: str, as_of: date) -> None:
    """The stage begins; what it reads from now on is named anew."""
    _named.clear()
    log.info("%s of %s starts", label, as_of)


def reads(artifact: Artifact) -> Artifact:
    """The stage reads an artifact, which is named once; returns it."""
    if artifact.reference not in _named:
        _named.add(artifact.reference)
        log.info("reads %s: %s rows", artifact.reference, f"{artifact.rows:,}")
    return artifact


def ended(result: StageResult) -> None:
    """The stage ended well."""
    log.info("%s; %s", result.summary(), result.artifact)


def failed(label: str, as_of: date, error: BaseException) -> None:
    """The stage ended with an error, which whoever called it shows in full."""
    log.error("%s of %s failed: %s", label, as_of, type(error).__name__)
