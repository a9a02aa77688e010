"""Small texts by name in PostgreSQL, for hosts that share no disk.

Callbacks and Airflow's own loops ask for them: a server that does not answer is left alone for a
while, so that it costs one wait and not one a question.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.database.engine import libpq_uri, normalised, transaction
from recsys_tasks.database.locks import APPLICATION, lock_key

_CONNECT_SECONDS = 4
_REST_SECONDS = 60.0
_OPTIONS = "-c statement_timeout=4s -c lock_timeout=4s"
_silent: dict[str, float] = {}
"""URL → until when (monotonic seconds) its server is not asked."""


def forget_errors(engine: Engine, before: datetime) -> int:
    """Remove errors of tasks that were written earlier; how many."""
    statement = (
        "DELETE FROM recsys.shared_texts WHERE place LIKE 'errors/%' AND written_at < :before"
    )
    with transaction(engine) as connection:
        return connection.execute(sa.text(statement), {"before": before}).rowcount


def is_remote(url: str) -> bool:
    """Whether a URL names a server of the network; a socket in a folder is one machine's."""
    host = normalised(url).host or normalised(url).query.get("host", "")
    return bool(host) and not str(host).startswith("/")


class SharedTexts:
    """The texts of one place, such as `alerts`; a text is written whole or not at all.

    Everything raises OSError where the server does not answer, or lacks the table.
    """

    def __init__(self, url: str, place: str) -> None:
        self._url, self._place = libpq_uri(url), place

    def read_all(self) -> dict[str, str]:
        """Name → text."""
        query = "SELECT name, body FROM recsys.shared_texts WHERE place = %s ORDER BY name"
        with self._asked() as connection:
            return dict(connection.execute(query, (self._place,)).fetchall())

    def read(self, name: str) -> str | None:
        """One text."""
        query = "SELECT body FROM recsys.shared_texts WHERE (place, name) = (%s, %s)"
        with self._asked() as connection:
            row = connection.execute(query, (self._place, name)).fetchone()
        return None if row is None else str(row[0])

    def write(self, name: str, text: str) -> None:
        """Keep a text, in place of an earlier one."""
        statement = (
            "INSERT INTO recsys.shared_texts (place, name, body) VALUES (%s, %s, %s)"
            " ON CONFLICT (place, name) DO UPDATE SET body = excluded.body, written_at = now()"
        )
        with self._asked() as connection:
            connection.execute(statement, (self._place, name, text))

    def remove(self, name: str) -> None:
        """Forget a text."""
        statement = "DELETE FROM recsys.shared_texts WHERE (place, name) = (%s, %s)"
        with self._asked() as connection:
            connection.execute(statement, (self._place, name))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone among the processes of every host."""
        with self._asked() as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (lock_key("texts", self._place),))
            yield

    @contextmanager
    def _asked(self) -> Iterator[psycopg.Connection[Any]]:
        if time.monotonic() < _silent.get(self._url, 0.0):
            raise OSError("the database did not answer a moment ago")
        try:
            connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=_CONNECT_SECONDS,
                application_name=APPLICATION,
                options=_OPTIONS,
            )
        except psycopg.Error as error:
            _silent[self._url] = time.monotonic() + _REST_SECONDS
            raise OSError(f"the database did not answer: {type(error).__name__}") from None
        with connection:
            try:
                yield connection
            except psycopg.Error as error:
                raise OSError(f"the database refused: {type(error).__name__}") from None
