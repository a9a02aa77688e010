"""Every error the pipeline raises on purpose.

RecsysError
├── ConfigError            the settings file is wrong; a person must change it
├── DataError              the shop's data is wrong; retrying cannot help
│   ├── SchemaError        a table lacks a column or has the wrong type
│   ├── ValidationFailed   a blocking data check failed
│   ├── LeakageError       something learned from rows it must not know
│   └── NotEnoughData      too little history for the asked step
├── ArtifactError          an artifact is missing, incomplete or damaged
│   └── DamagedArtifact    its bytes are not those that were written
├── ServingError           a publication cannot be made, checked or found
├── Killed                 a task's process was ended from outside, again and again
├── TimedOut               a stage took longer than it may
├── Unwritable             a disk is full or read-only; a person must make room
└── TransientError         the outside world failed; the same call may succeed later
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterable


class RecsysError(Exception):
    """Base of all errors: a message in four parts.

    `expected` and `found` say what is wrong, `where` names the file, table or setting,
    `remedy` says what to do. `str(error)` joins them, a line each.
    """

    retryable = False

    def __init__(self, *, expected: str, found: str, where: str, remedy: str) -> None:
        self.expected, self.found, self.where, self.remedy = expected, found, where, remedy
        super().__init__(
            f"expected: {expected}\n   found: {found}\n   where: {where}\n    todo: {remedy}"
        )

    def as_dict(self) -> dict[str, str]:
        """The four parts and the class name, ready for JSON."""
        return {
            "error": type(self).__name__,
            "expected": self.expected,
            "found": self.found,
            "where": self.where,
            "remedy": self.remedy,
        }


class ConfigError(RecsysError):
    """The settings file is wrong."""


class DataError(RecsysError):
    """The data is wrong; retrying cannot help."""


class SchemaError(DataError):
    """A table lacks a column, has an unknown one, or has the wrong type."""


class ValidationFailed(DataError):
    """At least one blocking data check failed; no snapshot was made."""


class LeakageError(DataError):
    """A label, count or parameter comes from a time it must not know."""


class NotEnoughData(DataError):
    """Too little history for the asked step."""


class ArtifactError(RecsysError):
    """An artifact is missing, incomplete or damaged."""


class DamagedArtifact(ArtifactError):
    """An artifact's bytes are not those that were written. Nothing goes on without it, as where one
    is only missing.
    """


class ServingError(RecsysError):
    """A publication cannot be made, checked or found."""


class Killed(RecsysError):
    """A task's process was ended from outside, as when memory ran out, again and again."""


class TimedOut(RecsysError):
    """A stage took longer than it may; another try may do better."""


DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
"""Numbers of the errors of a disk that is full or read-only."""


class Unwritable(RecsysError):
    """A disk is full or cannot be written: it stays so until a person makes room or mends it."""


class TransientError(RecsysError):
    """The outside world failed; the same call may succeed later."""

    retryable = True


def offenders(values: Iterable[object], limit: int = 5) -> str:
    """The first `limit` distinct values, quoted, and how many more there are."""
    distinct = list(dict.fromkeys(map(str, values)))
    shown = ", ".join(repr(value) for value in distinct[:limit])
    return shown + (f" and {len(distinct) - limit} more" if len(distinct) > limit else "")


def hashed_user(user_id: str) -> str:
    """A short stable stand-in for a user id, for messages that leave the database."""
    return "user#" + hashlib.sha256(user_id.encode()).hexdigest()[:10]
