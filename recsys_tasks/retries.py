"""Which errors may pass by themselves, and how long a task waits before it tries again.

The outside world (database, storage, network, memory) comes back; data, settings, code and a disk
that is full or read-only wait for a person, who should hear of it at once.
"""

from __future__ import annotations

import errno
from enum import Enum

from recsys_tasks.errors import RecsysError


class Patience(Enum):
    """How often an error is worth another try."""

    NONE = "a person must correct this first"
    SHORT = "it may be the outside world"
    LONG = "the outside world failed"


SHORT_RETRIES = 2
"""Retries, for a few minutes, of a timeout, a killed task, and an OSError that does not say which
it is.
"""

_PASSING = {
    *(errno.EAGAIN, errno.EBUSY, errno.EIO, errno.EINTR, errno.ENOMEM, errno.EMFILE, errno.ENFILE),
    *(errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH),
    *(errno.ENETDOWN, errno.ENETRESET, errno.ENOTCONN, errno.ENOBUFS, errno.EADDRNOTAVAIL),
}
_PASSING_NAMES = {
    *("botocore.HTTPClientError", "aiohttp.ClientError", "requests.ConnectionError"),
    *("requests.Timeout", "urllib3.HTTPError", "duckdb.OutOfMemoryException"),
    *("duckdb.HTTPException", "tensorflow.ResourceExhaustedError"),
    *("tensorflow.UnavailableError", "airflow.AirflowRuntimeError"),
}
"""Package and class of errors whose libraries are not imported for this."""
_PASSING_STATUSES = {408, 425, 429, *range(500, 600)}


def patience_with(error: BaseException) -> Patience:
    """What a failed try is worth, by its error and by those that it was raised from."""
    if isinstance(error, RecsysError):
        return Patience.LONG if error.retryable else Patience.NONE
    if _passes(error):
        return Patience.LONG
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and patience_with(before) is Patience.LONG:
        return Patience.LONG
    if isinstance(error, OSError) and error.errno is None and _status(error) is None:
        return Patience.SHORT  # pyarrow's: a cut connection and a broken file alike
    return Patience.NONE


def _passes(error: BaseException) -> bool:
    if isinstance(error, (ConnectionError, TimeoutError, MemoryError)):
        return True
    if isinstance(error, OSError) and error.errno in _PASSING:
        return True
    names = {
        f"{t.__module__.partition('.')[0].lstrip('_')}.{t.__name__}" for t in type(error).__mro__
    }
    return bool(names & _PASSING_NAMES) or _status(error) in _PASSING_STATUSES


def _status(error: BaseException) -> int | None:
    """The HTTP status that an object store's or a service's client kept with its error."""
    answer = getattr(error, "response", None)
    if isinstance(answer, dict):  # botocore
        found = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        found = getattr(answer, "status_code", None) or getattr(error, "status", None)
    return found if isinstance(found, int) else None


def delays(first_seconds: float, longest_seconds: float, minutes: float) -> list[float]:
    """Seconds before each retry: each twice the one before, up to the longest, until together they
    are `minutes` at least.
    """
    waits: list[float] = []
    while sum(waits) < 60 * minutes:
        waits.append(min(first_seconds * 2.0 ** len(waits), longest_seconds))
    return waits
