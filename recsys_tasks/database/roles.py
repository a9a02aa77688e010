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
    """Every role exists, logs in, and has the password of our file."""
    known = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
    for role in ROLES:
        verb = "ALTER" if role in known else "CREATE"
        statement = sql.SQL(verb + " ROLE {} LOGIN PASSWORD {}")
        connection.execute(statement.format(sql.Identifier(role), sql.Literal(passwords[role])))


def create_databases(connection: psycopg.Connection[Any]) -> None:
    """Every database exists, and only its own roles may enter."""
    known = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
    for database, (owner, _) in DATABASES.items():
        name = sql.Identifier(database)
        if database not in known:
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, sql.Identifier(owner)))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    for role in RECSYS_ROLES:
        allowed = sql.SQL("CONNECT, TEMPORARY") if role == "recsys_writer" else sql.SQL("CONNECT")
        connection.execute(sql.SQL("GRANT {} ON DATABASE recsys TO {}").format(allowed, sql.Identifier(role)))


def require_passwords(connection: psycopg.Connection[Any], data: Path, password: str) -> None:
    """After the first start the superuser has a password too, and no one gets in without one."""
    if (data / "pg_hba.conf").read_text() == _HBA:
        return
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(SUPERUSER), sql.Literal(password)))
    (data / "pg_hba.conf").write_text(_HBA)
    connection.execute("SELECT pg_reload_conf()")
    deadline = time.perf_counter() + RELOAD_SECONDS
    while _lets_in(connection.info.host) and time.perf_counter() < deadline:  # the server reloads when it likes
        time.sleep(0.02)


def _lets_in(socket: str) -> bool:
    """Whether a wrong password still opens the door."""
    try:
        psycopg.connect(host=socket, user=SUPERUSER, password="wrong", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True
