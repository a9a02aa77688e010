"""`recsys upgrade`, on a database that an older version made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.database import create_engine, current_revision, head_revision
from recsys_tasks.lake import Lake
from recsys_tasks.stages.work_locks import at_work
from tests.database.schemas import fresh_schema, older_schema


def test_an_older_schema_is_named_and_brought_up_to_date_once_no_night_is_at_work(
    postgres: Mapping[str, str], tmp_path: Path
) -> None:
    owner = postgres["recsys_owner"]

    def call(*words: str, config: str = "include/recsys.yaml") -> tuple[int, str]:
        environment = {
            "RECSYS_DATABASE_URL": owner,
            "RECSYS_HOME": str(tmp_path),
            "RECSYS_CONFIG": config,
        }
        result = CliRunner().invoke(app, ["upgrade", *words], env=environment)
        return result.exit_code, result.output

    older_schema(owner, "0016")
    try:
        code, said = call("--check")
        assert code == 1 and "ok   no stage of a night is at work" in said
        assert f"schema revision 0016, this version needs {head_revision()}" in said
        assert current_revision(owner) == "0016"
        engine = create_engine(owner)
        with at_work(engine, Lake(tmp_path / "lake")):
            code, said = call()
        engine.dispose()
        assert code == 1 and "FAIL a night: one is running" in said
        assert current_revision(owner) == "0016"
        wrong = tmp_path / "wrong.yaml"
        wrong.write_text("shards: 3\n")
        assert call(config=str(wrong))[0] == 1 and current_revision(owner) == "0016"
        code, said = call()
        assert code == 0, said
        assert current_revision(owner) == head_revision()
        assert call("--check")[0] == 0
    finally:
        fresh_schema(owner)
