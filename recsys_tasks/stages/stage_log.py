"""Log lines of a stage: its start, what it reads, how it ended. No user is named in them."""

from __future__ import annotations

import logging
from datetime import date

from recsys_tasks.lake import Artifact
from recsys_tasks.stages.outcome import StageResult

log = logging.getLogger(__name__)
_named: set[str] = set()


def starts(label: str, as_of: date) -> None:
    """Log that the stage begins; forget which artifacts the stage before has named."""
    _named.clear()
    log.info("%s of %s starts", label, as_of)


def reads(artifact: Artifact) -> Artifact:
    """Log that the stage reads an artifact, once for each artifact; returns it."""
    if artifact.reference not in _named:
        _named.add(artifact.reference)
        log.info("reads %s: %s rows", artifact.reference, f"{artifact.rows:,}")
    return artifact


def ended(result: StageResult) -> None:
    """Log that the stage ended well."""
    log.info("%s; %s", result.summary(), result.artifact)


def failed(label: str, as_of: date, error: BaseException) -> None:
    """Log the kind of error that ended the stage; the caller shows the error in full."""
    log.error("%s of %s failed: %s", label, as_of, type(error).__name__)
