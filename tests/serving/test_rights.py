"""What readers, the availability role and the writer may touch, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.database import create_engine
from recsys_tasks.errors import ServingError
from tests.serving.nights import VIEWS, publish_night, sell_out, stock


def test_a_reader_sees_the_views_and_three_functions_and_nothing_else(
    empty: Mapping[str, str], writer: Engine, reader: Engine
) -> None:
    stock(writer)
    publish_night(writer, 0)
    with reader.connect() as connection:
        rights = (
            "SELECT relname, relkind FROM pg_class WHERE relnamespace = 'recsys'::regnamespace AND"
            " relkind IN ('r', 'p', 'v', 'S') AND has_table_privilege(oid, 'SELECT') ORDER BY"
            " relname"
        )
        assert [tuple(row) for row in connection.execute(sa.text(rights))] == [
            (view, "v") for view in VIEWS
        ]
        functions = (
            "SELECT proname FROM pg_proc WHERE pronamespace = 'recsys'::regnamespace "
            "AND has_function_privilege(oid, 'EXECUTE') ORDER BY proname"
        )
        assert list(connection.scalars(sa.text(functions))) == [
            "recommend",
            "similar_users",
            "users_shown",
        ]
    for statement in (
        "SELECT * FROM recsys.list_rows",
        "SELECT * FROM recsys.users",
        "DELETE FROM recsys.alerts",
        "INSERT INTO recsys.metrics (as_of, scope, name) VALUES ('2026-03-01', 's', 'n')",
        "SELECT recsys.drop_partition(1)",
        "CREATE TABLE recsys.mine (a int)",
    ):
        with pytest.raises(ServingError, match="permission denied"), reader.begin() as connection:
            connection.execute(sa.text(statement))


def test_the_availability_role_touches_one_table(empty: Mapping[str, str], writer: Engine) -> None:
    stock(writer)
    sell_out(empty, "i0")
    engine = create_engine(empty["recsys_availability"])
    for statement in (
        "SELECT * FROM recsys.recommendations",
        "UPDATE recsys.items SET available = false",
    ):
        with pytest.raises(ServingError, match="permission denied"), engine.begin() as connection:
            connection.execute(sa.text(statement))
    engine.dispose()


def test_the_writer_changes_data_and_not_the_schema(writer: Engine) -> None:
    for statement in (
        "CREATE TABLE recsys.mine (a int)",
        "DROP TABLE recsys.users",
        "DROP VIEW recsys.status",
    ):
        with (
            pytest.raises(ServingError, match=r"permission denied|must be owner"),
            writer.begin() as connection,
        ):
            connection.execute(sa.text(statement))


@pytest.mark.parametrize(
    "name", ["release_events", "gate_decision_rows", "pointer_moves", "erasures"]
)
def test_audit_tables_are_append_only_even_for_their_owner(
    empty: Mapping[str, str], name: str
) -> None:
    engine = create_engine(empty["recsys_owner"])
    for statement in (
        f"UPDATE recsys.{name} SET id = DEFAULT",
        f"DELETE FROM recsys.{name}",
        f"TRUNCATE recsys.{name}",
    ):
        with pytest.raises(ServingError, match="append-only"), engine.begin() as connection:
            connection.execute(sa.text(statement))
    engine.dispose()


def test_every_view_and_column_has_a_comment(reader: Engine) -> None:
    silent = """
        SELECT c.relname || coalesce('.' || a.attname, '')
        FROM pg_class AS c
        LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE c.relnamespace = 'recsys'::regnamespace AND c.relname = ANY (:views)
          AND (obj_description(c.oid, 'pg_class') IS NULL OR col_description(c.oid,
            a.attnum) IS NULL)
    """
    with reader.connect() as connection:
        assert list(connection.scalars(sa.text(silent), {"views": VIEWS})) == []
