"""The launcher on a PostgreSQL of one's own, with the role that nights work with: it may not change
the schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import sqlalchemy as sa

from recsys_tasks.database import (
    create_engine,
    current_revision,
    migrate,
    require_migrated,
    transaction,
)
from recsys_tasks.errors import ConfigError
from recsys_tasks.launcher.__main__ import main


def test_the_writer_may_start_on_a_migrated_schema(postgres: Mapping[str, str]) -> None:
    require_migrated(postgres["recsys"])
    assert current_revision(postgres["recsys"]) == current_revision(postgres["recsys_owner"])


def test_a_schema_of_another_version_is_refused_with_what_to_run(
    postgres: Mapping[str, str],
) -> None:
    engine, head = (
        create_engine(postgres["recsys_owner"]),
        current_revision(postgres["recsys_owner"]),
    )
    change = sa.text("UPDATE recsys.alembic_version SET version_num = :revision")
    with transaction(engine) as connection:
        connection.execute(change, {"revision": "0009"})
    try:
        with pytest.raises(ConfigError, match="revision 0009") as caught:
            require_migrated(postgres["recsys"])
        assert "recsys migrate" in caught.value.remedy and "secret" not in str(caught.value)
    finally:
        with transaction(engine) as connection:
            connection.execute(change, {"revision": head})
        engine.dispose()


def test_a_database_that_was_never_migrated_ends_the_launcher_in_four_parts(
    tmp_path: Path,
    postgres: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path))
    monkeypatch.setenv(
        "RECSYS_DATABASE_URL", postgres["airflow"]
    )  # some database without our tables
    assert main(["airflow"]) == 1
    said = capsys.readouterr().out
    assert (
        "no tables of the pipeline" in said
        and "recsys migrate" in said
        and "permission denied" not in said
    )


def test_a_role_that_may_not_look_is_not_stopped(postgres: Mapping[str, str]) -> None:
    engine = create_engine(postgres["recsys_owner"])
    with transaction(engine) as connection:
        connection.execute(sa.text("REVOKE SELECT ON recsys.alembic_version FROM recsys_writer"))
    require_migrated(postgres["recsys"])
    migrate(postgres["recsys_owner"])  # a no-op but for the right
    assert current_revision(postgres["recsys"]) is not None
    engine.dispose()
