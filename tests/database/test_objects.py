"""Views and functions: made from their files, again only where a file changed, and in any order."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from recsys_tasks.database import create_engine, migrate, objects, require_migrated
from recsys_tasks.errors import ConfigError
from tests.database.schemas import execute, facts, fresh_schema


@pytest.fixture
def owner(postgres: Mapping[str, str]) -> Iterator[str]:
    """URL of the owner of a fresh schema; what a test does to it is gone afterwards."""
    fresh_schema(postgres["recsys_owner"])
    yield postgres["recsys_owner"]
    fresh_schema(postgres["recsys_owner"])


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the objects' files, which a test may edit."""
    folder = tmp_path / "objects"
    shutil.copytree(objects.OBJECTS, folder)
    monkeypatch.setattr(objects, "OBJECTS", folder)
    return folder


def edit(files: Path, name: str, before: str, after: str) -> None:
    path = files / f"{name}.sql"
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))


def ask(url: str, query: str) -> list[Any]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = list(connection.scalars(sa.text(query)))
    engine.dispose()
    return found


def outdated(url: str) -> tuple[str, ...]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = objects.outdated_objects(connection)
    engine.dispose()
    return found


def test_every_view_and_function_of_the_schema_has_a_file_of_its_name(owner: str) -> None:
    made = (
        "SELECT relname FROM pg_class WHERE relnamespace = 'recsys'::regnamespace AND relkind = 'v'"
        " UNION SELECT proname FROM pg_proc WHERE pronamespace = 'recsys'::regnamespace"
    )
    # Which extension there is decides the type of these two: point_vectors() makes them.
    by_function = {"item_vectors", "user_vectors"}
    assert set(ask(owner, made)) - by_function == set(objects.read_objects())


def test_each_object_comes_after_those_that_it_is_made_from() -> None:
    names = list(objects.read_objects())
    for name, one in objects.read_objects().items():
        for other in one.mentions() & set(names):
            assert names.index(other) < names.index(name)


def test_where_no_file_changed_nothing_is_made_again(owner: str) -> None:
    made = "SELECT xmin::text FROM pg_class WHERE oid = 'recsys.recommendations'::regclass"
    before = ask(owner, made)
    migrate(owner)
    assert ask(owner, made) == before and outdated(owner) == ()


def test_a_changed_file_makes_its_object_again_and_no_other(owner: str, files: Path) -> None:
    edit(files, "alerts", "'What broke.'", "'What went wrong.'")
    assert outdated(owner) == ("alerts",)
    before = facts(owner)
    migrate(owner)
    changed = {text for _, text in set(facts(owner)) ^ set(before)}
    assert changed == {
        "alerts 9 message text f What broke.",
        "alerts 9 message text f What went wrong.",
    }
    assert outdated(owner) == ()


def test_the_pipelines_role_is_refused_until_a_changed_file_was_run(
    owner: str, postgres: Mapping[str, str], files: Path
) -> None:
    require_migrated(postgres["recsys"])
    edit(files, "alerts", "'What broke.'", "'What went wrong.'")
    with pytest.raises(ConfigError) as caught:
        require_migrated(postgres["recsys"])
    assert "alerts" in caught.value.found and "recsys migrate" in caught.value.remedy


def test_what_is_missing_is_made_again(owner: str) -> None:
    before = facts(owner)
    execute(owner, "DROP VIEW recsys.status", "DROP FUNCTION recsys.recommend")
    migrate(owner)
    assert facts(owner) == before


def test_a_grant_that_a_file_has_no_more_goes(owner: str, files: Path) -> None:
    edit(files, "status", "TO recsys_reader, recsys_writer", "TO recsys_writer")
    migrate(owner)
    rights = "SELECT has_table_privilege('recsys_{}', 'recsys.status', 'SELECT')"
    assert ask(owner, rights.format("reader")) == [False]
    assert ask(owner, rights.format("writer")) == [True]


def test_other_columns_and_arguments_are_made_by_dropping_first_what_depends_on_them(
    owner: str, files: Path
) -> None:
    before = facts(owner)
    original = (files / "entries.sql").read_text()
    edit(files, "entries", "       u.user_id,\n", "       u.user_id::varchar AS user_id,\n")
    edit(files, "distinct_entries", "(entries int[])", "(entries bigint[])")
    migrate(owner)  # entries' user_id is of another type, and two views are made from it
    kinds = (
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attname = 'user_id'"
        " AND attrelid IN ('recsys.entries'::regclass, 'recsys.recommendations'::regclass)"
    )
    assert ask(owner, kinds) == ["character varying"] * 2
    takes = "SELECT pg_get_function_arguments(oid) FROM pg_proc WHERE proname = 'distinct_entries'"
    assert ask(owner, takes) == ["entries bigint[]"]
    (files / "entries.sql").write_text(original)
    edit(files, "distinct_entries", "(entries bigint[])", "(entries int[])")
    migrate(owner)
    assert facts(owner) == before


def test_a_view_of_somebody_else_is_not_dropped_on_the_way(owner: str, files: Path) -> None:
    execute(owner, "CREATE VIEW recsys.of_the_shop AS SELECT user_id FROM recsys.recommendations")
    before = facts(owner)
    edit(files, "entries", "       u.user_id,\n", "       u.user_id::varchar AS user_id,\n")
    with pytest.raises(ConfigError, match="of_the_shop"):
        migrate(owner)
    assert facts(owner) == before


def test_an_object_whose_file_is_gone_is_dropped(owner: str, files: Path) -> None:
    (files / "champions.sql").unlink()
    (files / "similar_users.sql").unlink()
    migrate(owner)
    assert ask(owner, "SELECT to_regclass('recsys.champions')") == [None]
    assert ask(owner, "SELECT to_regproc('recsys.similar_users')") == [None]
    assert outdated(owner) == ()


def test_a_long_query_keeps_new_readers_waiting_for_a_moment_only(
    owner: str, postgres: Mapping[str, str], files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "READER_WAIT", "300ms")
    monkeypatch.setattr(objects, "PAUSE_SECONDS", 0.2)
    edit(files, "status", "AS waiting", "+ 0 AS waiting")
    engine = create_engine(postgres["recsys_reader"])
    migration = threading.Thread(target=migrate, args=(owner,))
    waits = []
    with engine.begin() as long_query:
        long_query.execute(sa.text("SELECT * FROM recsys.status")).all()
        migration.start()
        for _ in range(10):
            began = time.perf_counter()
            with engine.connect() as other:
                other.execute(sa.text("SELECT * FROM recsys.status")).all()
            waits.append(time.perf_counter() - began)
            time.sleep(0.1)
        assert migration.is_alive()
    migration.join(timeout=30)
    engine.dispose()
    assert max(waits) < 2 and outdated(owner) == ()


def test_a_file_creates_what_its_name_says(files: Path) -> None:
    edit(files, "alerts", "recsys.alerts AS", "recsys.alarms AS")
    with pytest.raises(ValueError, match="alerts"):
        [one.is_view for one in objects.read_objects().values()]
