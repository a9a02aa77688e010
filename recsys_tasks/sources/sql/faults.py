"""What a database answers when it cannot or will not, as the pipeline's errors."""

from __future__ import annotations

from recsys_tasks.errors import ConfigError, RecsysError, TransientError
from recsys_tasks.sources.sql.address import Address

_LET_IN = (
    "authentication failed",
    "access denied",
    "no password supplied",
    "no pg_hba.conf entry",
    "incorrect username or password",
    "unable to open database file",
)
"""What a server says that will never let us in as we are."""
_PASSING = (
    "terminating connection",
    "connection",
    "timeout",
    "timed out",
    "locked",
    "could not set lock",
    "deadlock",
    "shutting down",
    "starting up",
    "too many",
    "server closed",
    "out of memory",
    "no space left",
)
"""Words of what passes by itself; looked for before those of a mistake."""
_MISTAKES = (
    "does not exist",
    "tablenotfound",
    "no such table",
    "no such column",
    "doesn't exist",
    "unknown database",
    "unknown column",
    "syntax error",
    "not found",
    "permission denied",
    "not authorized",
    "ambiguous",
    "parse",
    "binder error",
    "catalog error",
)
_PASSING_STATES, _MISTAKEN_STATES = ("08", "53", "57", "40"), ("28", "3D", "3F", "42", "22")
"""Classes of SQLSTATE."""


def translated(error: Exception, address: Address, what: str) -> Exception:
    """The error of a statement or of connecting; never the database's own, whose text may hold the
    password. `what` names the table or query. A mistake of ours stays as it is.
    """
    if isinstance(error, (RecsysError, AttributeError, TypeError, NameError, AssertionError)):
        return error
    found = address.masked(f"{type(error).__name__}: {error}")
    state = str(getattr(error, "sqlstate", None) or "")
    said, where = found.lower(), f"source.{what} at {address.shown}"
    if any(words in said for words in _LET_IN) or state.startswith("28"):
        return ConfigError(
            expected="a database that lets this user in",
            found=found,
            where=where,
            remedy="correct the variable or the Airflow connection that has the URL",
        )
    if state.startswith(_MISTAKEN_STATES) or (not state and _is_mistake(said)):
        return ConfigError(
            expected="a table or query that the database can read for this user",
            found=found,
            where=where,
            remedy="correct it under `source`, or grant SELECT; `recsys config check` tries it",
        )
    return TransientError(
        expected="the database to answer",
        found=found,
        where=where,
        remedy="it is retried; if it stays, see that the database runs and can be reached",
    )


def _is_mistake(said: str) -> bool:
    passing = any(words in said for words in _PASSING)
    return not passing and any(words in said for words in _MISTAKES)
