"""Databases and roles of the embedded server: who owns what, and that everyone needs a password."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

SUPERUSER = "postgres"
# Database → its owner, and the driver that its program speaks.
DATABASES = {
    "airflow": ("airflow", "postgresql+psycopg2"),
    "mlflow": ("mlflow", "postgresql+psycopg2"),
    "recsys": ("recsys_owner", "postgresql+psycopg"),
}
RECSYS_ROLES = ("recsys_writer", "recsys_reader", "recsys_availability")
ROLES = (*(owner for owner, _ in DATABASES.values()), *RECSYS_ROLES)
RELOAD_SECONDS = 30
_HBA = "local all all scram-sha-256\n"


def create_roles(connection: psycopg.Connection[Any], passwords: Mapping[str, str]) -> None:
    """Every role exists, logs in, and has the password of our file, which the server and its log
    never see.
    """
    known = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
    for role in ROLES:
        verb = "ALTER" if role in known else "CREATE"
        statement = sql.SQL(verb + " ROLE {} LOGIN PASSWORD {}")
        connection.execute(
            statement.format(sql.Identifier(role), _verifier(connection, role, passwords[role]))
        )


def _verifier(connection: psycopg.Connection[Any], role: str, password: str) -> sql.Literal:
    """What the server keeps to check a password by (scram)."""
    made = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    return sql.Literal(made.decode())


def create_databases(connection: psycopg.Connection[Any]) -> None:
    """Every database exists, and only its own roles may enter; the server's own ones are the
    superuser's.
    """
    known = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
    for database, (owner, _) in DATABASES.items():
        name = sql.Identifier(database)
        if database not in known:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(name, sql.Identifier(owner))
            )
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    for database in ("postgres", "template1"):
        connection.execute(
            sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database))
        )
    for role in RECSYS_ROLES:
        allowed = sql.SQL("CONNECT, TEMPORARY") if role == "recsys_writer" else sql.SQL("CONNECT")
        connection.execute(
            sql.SQL("GRANT {} ON DATABASE recsys TO {}").format(allowed, sql.Identifier(role))
        )
    # What an analyst or a BI tool asks needs no name of a schema.
    connection.execute(
        "ALTER ROLE recsys_reader IN DATABASE recsys SET search_path = recsys, public"
    )
    # Its calls of recommend() are counted by the server: the reader itself may write nothing.
    connection.execute("ALTER ROLE recsys_reader IN DATABASE recsys SET track_functions = 'pl'")


_PUBLIC_FUNCTIONS = """
SELECT p.oid::regprocedure::text, p.proname
FROM pg_proc AS p
WHERE p.pronamespace = 'pg_catalog'::regnamespace
  AND p.proname ~ '^(lo_|lowrite|pg_(try_)?advisory_)'
  AND has_function_privilege('public', p.oid, 'EXECUTE')
"""


def close_catalogue(connection: psycopg.Connection[Any]) -> None:
    """In database recsys: no large objects for anyone, and locks only for those who publish.

    PostgreSQL lets everyone who may connect write large objects and take any advisory lock, a
    publication's too.
    """
    for signature, name in connection.execute(_PUBLIC_FUNCTIONS).fetchall():
        function = sql.SQL(signature)
        connection.execute(sql.SQL("REVOKE EXECUTE ON FUNCTION {} FROM PUBLIC").format(function))
        if "advisory" in name:
            grant = sql.SQL("GRANT EXECUTE ON FUNCTION {} TO recsys_owner, recsys_writer")
            connection.execute(grant.format(function))


def add_extensions(connection: psycopg.Connection[Any]) -> None:
    """In database recsys: pgvector, which only an administrator may install; nothing uses it unless
    told to.
    """
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public")


def require_passwords(connection: psycopg.Connection[Any], data: Path, password: str) -> None:
    """After the first start the superuser has a password too, and no one gets in without one."""
    if (data / "pg_hba.conf").read_text() == _HBA:
        return
    verifier = _verifier(connection, SUPERUSER, password)
    connection.execute(
        sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(SUPERUSER), verifier)
    )
    (data / "pg_hba.conf").write_text(_HBA)
    connection.execute("SELECT pg_reload_conf()")
    deadline = time.perf_counter() + RELOAD_SECONDS
    while (
        _lets_in(connection.info.host) and time.perf_counter() < deadline
    ):  # the server reloads when it likes
        time.sleep(0.02)


def _lets_in(socket: str) -> bool:
    """Whether a wrong password still opens the door."""
    try:
        psycopg.connect(host=socket, user=SUPERUSER, password="wrong", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True
