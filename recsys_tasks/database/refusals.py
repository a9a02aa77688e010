"""What PostgreSQL answers when it cannot or will not, as the pipeline's errors."""

from __future__ import annotations

from recsys_tasks.errors import (
    ConfigError,
    RecsysError,
    ServingError,
    TransientError,
    Unwritable,
)

LOCK_TIMEOUT = "55P03"  # SQLSTATE lock_not_available
DENIED = "42501"  # insufficient_privilege
DISK_FULL = "53100"
# SQLSTATE classes that pass by themselves: connection, resources, shutdown, deadlock and
# serialization.
_PASSING = ("08", "53", "57", "40")
# What a server says that will never let us in as we are.
_REFUSED = (
    "authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "no password supplied",
    "permission denied for database",
)


def explain(state: str, message: str, *, role: str, where: str) -> RecsysError | None:
    """The error that a statement's SQLSTATE stands for; None for a mistake of ours, which stays as
    it is.
    """
    if state == DENIED:
        return _denied(message, role, where)
    if state == DISK_FULL:
        return _disk_full(message, where)
    if state == LOCK_TIMEOUT:
        return lock_held(_line(message), [], where)
    return connection_error(message, where) if state.startswith(_PASSING) else None


def connection_error(message: str, where: str) -> RecsysError:
    """TransientError, or ConfigError when the server answered that it will never let us in."""
    found = _line(message)
    if any(words in found for words in _REFUSED):
        return ConfigError(
            expected="a database and role that exist, and the right password",
            found=found,
            where=where,
            remedy="correct RECSYS_DATABASE_URL, or create the role or database it names",
        )
    return TransientError(
        expected="PostgreSQL to answer",
        found=found,
        where=where,
        remedy="it is retried; if it stays, see that the server runs and has free connections",
    )


def lock_held(wanted: str, holders: list[str], where: str) -> TransientError:
    """A lock that did not come free in time. `holders`: a few words on each session that has it."""
    return TransientError(
        expected="a lock to come free in time",
        found=f"{wanted}: held by "
        + ("; ".join(holders) if holders else "a session that has just let go"),
        where=where,
        remedy=(
            "it is retried; if it stays, end that session, with pg_terminate_backend(its pid) if"
            " need be"
        ),
    )


def _denied(message: str, role: str, where: str) -> ServingError:
    return ServingError(
        expected=f"role {role} to have every right that the migrations grant it",
        found=_line(message),
        where=where,
        remedy="grant the right again as the schema's owner; readers keep what they see",
    )


def _disk_full(message: str, where: str) -> Unwritable:
    return Unwritable(
        expected="room on the database's disk",
        found=_line(message),
        where=where,
        remedy=(
            "free disk space on the server, then run the task again; readers keep what they see"
        ),
    )


def _line(message: str) -> str:
    return " ".join(message.split())[:400]
