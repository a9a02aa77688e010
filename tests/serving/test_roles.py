"""Who may do what, asked of the catalogue itself: a new table, view or function cannot slip past a
list.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.database import EmbeddedServer, create_engine, lock_key
from recsys_tasks.database.roles import ROLES, SUPERUSER
from recsys_tasks.errors import ServingError
from tests.serving.nights import VIEWS, publish_night, stock

APPLICATIONS = ("recsys_reader", "recsys_availability")
OURS = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'"
TABLE_RIGHTS = (
    "ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN']"
)
RELATION_RIGHTS = f"""
SELECT c.relname, c.relkind::text, r.name FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN unnest({TABLE_RIGHTS}) AS r(name)
WHERE {OURS} AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND (has_table_privilege(%(role)s, c.oid, r.name)
       OR r.name IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
         AND has_any_column_privilege(%(role)s, c.oid, r.name))
"""


@pytest.fixture
def superuser(embedded_server: EmbeddedServer, writer: Engine) -> Iterator[psycopg.Connection]:
    """A filled database seen by the one role from which nothing is hidden."""
    stock(writer)
    publish_night(writer, 0)
    known = json.loads((embedded_server.home / "database.json").read_text())
    with psycopg.connect(
        host=known["socket"],
        user=SUPERUSER,
        password=known["passwords"][SUPERUSER],
        dbname="recsys",
        autocommit=True,
    ) as connection:
        yield connection


def ask(connection: psycopg.Connection, question: str, role: str) -> set[tuple[object, ...]]:
    return set(connection.execute(question, {"role": role}).fetchall())


def test_the_reader_reads_its_views_and_has_no_other_right_on_any_relation(
    superuser: psycopg.Connection,
) -> None:
    assert ask(superuser, RELATION_RIGHTS, "recsys_reader") == {
        (view, "v", "SELECT") for view in VIEWS
    }


def test_the_availability_role_has_three_rights_on_one_table(superuser: psycopg.Connection) -> None:
    rights = {("item_availability", "r", right) for right in ("SELECT", "INSERT", "UPDATE")}
    assert ask(superuser, RELATION_RIGHTS, "recsys_availability") == rights


@pytest.mark.parametrize(
    ("role", "functions"),
    [
        ("recsys_reader", {("recommend",), ("similar_users",), ("users_shown",)}),
        ("recsys_availability", set()),
    ],
)
def test_applications_call_no_function_of_ours_but_those_made_for_them(
    superuser: psycopg.Connection, role: str, functions: set[tuple[str]]
) -> None:
    ours = (
        "SELECT p.proname FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace "
        f"WHERE ({OURS} OR p.prosecdef) AND has_function_privilege(%(role)s, p.oid, 'EXECUTE') "
        # pgvector's are arithmetic on their arguments, as the numbers' own are.
        "AND NOT EXISTS (SELECT FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid "
        "WHERE d.objid = p.oid AND d.deptype = 'e' AND e.extname = 'vector')"
    )
    assert ask(superuser, ours, role) == functions


@pytest.mark.parametrize("role", APPLICATIONS)
def test_applications_own_nothing_make_nothing_and_enter_one_database(
    superuser: psycopg.Connection, role: str
) -> None:
    none = {
        "sequences": (
            "SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
            f"WHERE {OURS} AND CASE c.relkind WHEN 'S' THEN "
            "has_sequence_privilege(%(role)s, c.oid, 'SELECT, USAGE, UPDATE') END"
        ),
        "schemas to create in": (
            "SELECT nspname FROM pg_namespace WHERE has_schema_privilege(%(role)s, oid, 'CREATE')"
        ),
        "databases to create or make temporary tables in": (
            "SELECT datname FROM pg_database WHERE "
            "has_database_privilege(%(role)s, oid, 'CREATE, TEMPORARY')"
        ),
        "tablespaces": (
            "SELECT spcname FROM pg_tablespace WHERE spcname <> 'pg_default' "
            "AND has_tablespace_privilege(%(role)s, oid, 'CREATE')"
        ),
        "things owned": (
            "SELECT classid, objid FROM pg_shdepend "
            "WHERE deptype = 'o' AND refobjid = to_regrole(%(role)s)"
        ),
        "memberships": "SELECT roleid FROM pg_auth_members WHERE member = to_regrole(%(role)s)",
        "powers": (
            "SELECT rolname FROM pg_roles WHERE rolname = %(role)s AND "
            "(rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)"
        ),
        "catalogues to write": (
            "SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'pg_catalog'::regnamespace "
            "AND c.relkind IN ('r', 'v') AND c.relname <> 'pg_settings'  /* SET by another name */ "
            "AND has_table_privilege(%(role)s, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')"
        ),
        "files, programs, large objects, locks": (
            "SELECT proname FROM pg_proc WHERE pronamespace = "
            "'pg_catalog'::regnamespace AND has_function_privilege(%(role)s, oid, 'EXECUTE') AND"
            " proname ~ "
            "'^(pg_read_|pg_ls_|pg_stat_file|lo_|lowrite|pg_(try_)?advisory_|pg_promote|pg_reload|pg_switch_wal|pg_rotate)'"
        ),
    }
    assert {what: ask(superuser, question, role) for what, question in none.items()} == {
        what: set() for what in none
    }
    entered = (
        "SELECT datname FROM pg_database WHERE datallowconn AND has_database_privilege(%(role)s,"
        " oid, 'CONNECT')"
    )
    assert ask(superuser, entered, role) == {("recsys",)}


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TEMP TABLE mine (a int)",
        "CREATE TABLE public.mine (a int)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SELECT lo_create(0)",
        f"SELECT pg_advisory_lock({lock_key('pointer')})",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SET ROLE recsys_writer",
        "SELECT rolpassword FROM pg_authid",
        "UPDATE recsys.alerts SET message = ''",
        "LOCK TABLE recsys.recommendations IN ACCESS EXCLUSIVE MODE",
        "TRUNCATE recsys.publication",
        "ALTER ROLE recsys_reader SUPERUSER",
    ],
)
@pytest.mark.parametrize("role", APPLICATIONS)
def test_applications_are_told_so(role: str, statement: str, empty: Mapping[str, str]) -> None:
    engine = create_engine(empty[role])
    with pytest.raises(ServingError) as caught, engine.begin() as connection:
        connection.execute(sa.text(statement))
    assert "permission denied" in str(caught.value)
    engine.dispose()


def test_the_writer_owns_nothing_and_no_right_of_its_own_changes_the_schema(
    superuser: psycopg.Connection,
) -> None:
    role = "recsys_writer"
    found = ask(superuser, RELATION_RIGHTS, role)
    assert {right for *_, right in found} <= {"SELECT", "INSERT", "UPDATE", "DELETE"}
    for name in ("release_events", "gate_decision_rows", "pointer_moves"):  # append-only
        assert {right for relation, _, right in found if relation == name} == {"SELECT", "INSERT"}
    sealed = {
        row[0]
        for row in superuser.execute(
            "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'"
        )
    }
    assert sealed and {right for name, _, right in found if name in {*sealed, "list_rows"}} == {
        "SELECT"
    }
    none = (
        "SELECT nspname FROM pg_namespace WHERE has_schema_privilege(%(role)s, oid, 'CREATE')",
        (
            "SELECT objid::text FROM pg_shdepend WHERE deptype = 'o' AND refobjid ="
            " to_regrole(%(role)s)"
        ),
        "SELECT datname FROM pg_database WHERE has_database_privilege(%(role)s, oid, 'CREATE')",
        "SELECT roleid::text FROM pg_auth_members WHERE member = to_regrole(%(role)s)",
        (
            "SELECT rolname FROM pg_roles WHERE rolname = %(role)s AND (rolsuper OR rolcreaterole"
            " OR rolcreatedb)"
        ),
    )
    assert [ask(superuser, question, role) for question in none] == [set()] * len(none)


def test_functions_that_run_with_the_owners_rights_fix_their_search_path(
    superuser: psycopg.Connection,
) -> None:
    """Else who calls them could put another table or function in the way."""
    question = (
        "SELECT p.proname FROM pg_proc AS p WHERE p.pronamespace = 'recsys'::regnamespace AND"
        " p.prosecdef AND NOT coalesce(p.proconfig, '{}') @> ARRAY['search_path=pg_catalog,"
        " pg_temp']"
    )
    assert superuser.execute(question).fetchall() == []


def test_passwords_are_scram_and_no_way_in_goes_without(superuser: psycopg.Connection) -> None:
    kept: dict[str, str] = dict(
        superuser.execute("SELECT rolname, rolpassword FROM pg_authid WHERE rolcanlogin").fetchall()
    )
    assert set(kept) == {*ROLES, SUPERUSER}
    assert all(verifier.startswith("SCRAM-SHA-256$") for verifier in kept.values())
    assert set(
        superuser.execute("SELECT type, auth_method, error FROM pg_hba_file_rules").fetchall()
    ) == {("local", "scram-sha-256", None)}


def test_no_password_is_in_the_servers_log_or_its_statements(
    embedded_server: EmbeddedServer, superuser: psycopg.Connection
) -> None:
    superuser.execute("ALTER SYSTEM SET log_statement = 'all'")
    superuser.execute("SELECT pg_reload_conf()")
    while superuser.execute("SHOW log_statement").fetchone() != (
        "all",
    ):  # the server reloads when it likes
        time.sleep(0.01)
    try:
        EmbeddedServer.start(embedded_server.home)  # sets every password again
        log = (embedded_server.home / "postgres" / "log").read_text(errors="replace")
    finally:
        superuser.execute("ALTER SYSTEM RESET log_statement")
        superuser.execute("SELECT pg_reload_conf()")
    passwords = json.loads((embedded_server.home / "database.json").read_text())[
        "passwords"
    ].values()
    assert "ALTER ROLE" in log and not any(password in log for password in passwords)
