"""The command line, as a person types it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from recsys_tasks.cli import app

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = (
    *(
        "config",
        "doctor",
        "migrate",
        "run",
        "recommend",
        "publications",
        "releases",
        "promote",
        "rollback",
        "resume",
    ),
    *("erase-user", "export-user", "import", "data-dictionary", "probe"),
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli")


def call(home: Path, *words: str) -> tuple[int, str]:
    environment = {
        "RECSYS_HOME": str(home),
        "RECSYS_CONFIG": str(ROOT / "include" / "recsys.yaml"),
        "COLUMNS": "200",
    }
    result = CliRunner().invoke(app, list(words), env=environment)
    return result.exit_code, result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does(home: Path, command: str) -> None:
    code, text = call(home, command, "--help")
    assert code == 0 and "Usage" in text


def test_an_export_of_a_home_without_nights_makes_nothing(tmp_path: Path) -> None:
    code, text = call(tmp_path / "new", "export-user", "u1", "--to", str(tmp_path / "x.json"))
    assert code == 1 and "a home in which a night ran" in text and "u1" not in text
    assert list(tmp_path.iterdir()) == []


def test_config_check_looks_at_the_data_unless_told_not_to(home: Path, tmp_path: Path) -> None:
    settings = tmp_path / "shop.yaml"
    settings.write_text(
        "project: shop\nsource: {kind: files, events: gone.csv, items: gone}\n"
        "objectives: [{name: buy, events: [purchase]}]\n"
    )
    code, text = call(home, "config", "check", str(settings))
    assert code == 1
    assert "data: FAIL" in text and "source.events gone.csv: no such path" in text
    code, text = call(home, "config", "check", str(settings), "--settings-only")
    assert code == 0 and "objectives   buy" in text and "FAIL" not in text


def test_config_check_names_the_mistake_of_an_own_suite(home: Path, tmp_path: Path) -> None:
    settings = tmp_path / "shop.yaml"
    settings.write_text((Path("include") / "recsys.yaml").read_text())
    (tmp_path / "expectations").mkdir()
    suite = tmp_path / "expectations" / "items.yaml"
    suite.write_text("expectations: [{type: expect_column_to_exist, kwargs: {column: item_id}}]")
    code, text = call(home, "config", "check", str(settings), "--settings-only")
    assert (code, "items.yaml (1)" in text) == (0, True)
    suite.write_text("expectations: [{type: expect_column_to_exist, kwargs: {column: weight}}]")
    code, text = call(home, "config", "check", str(settings), "--settings-only")
    assert (code, "'weight'" in text, "expectation 1" in text) == (1, True, True)


def test_config_check_knows_the_channels_of_severities(home: Path, tmp_path: Path) -> None:
    settings = tmp_path / "shop.yaml"
    text = (Path("include") / "recsys.yaml").read_text()
    settings.write_text(f"{text}\nalerts: {{least_severity: {{pagerdutty: warning}}}}\n")
    code, said = call(home, "config", "check", str(settings), "--settings-only")
    assert (code, "'pagerdutty'" in said, "pagerduty" in said) == (1, True, True)
    settings.write_text(f"{text}\nalerts: {{least_severity: {{pagerduty: warning}}}}\n")
    assert call(home, "config", "check", str(settings), "--settings-only")[0] == 0
    settings.write_text(f"{text}\nalerts: {{digest: [info, drifft]}}\n")
    code, said = call(home, "config", "check", str(settings), "--settings-only")
    assert (code, "'drifft'" in said, "alerts.digest" in said) == (1, True, True)
    settings.write_text(f"{text}\nalerts: {{digest: [info, drift, ValidationFailed]}}\n")
    assert call(home, "config", "check", str(settings), "--settings-only")[0] == 0


def test_config_check_prints_what_will_run_or_every_mistake(home: Path, tmp_path: Path) -> None:
    code, text = call(home, "config", "check")
    assert code == 0 and "objectives   purchase = purchase (weight 2)" in text
    broken = tmp_path / "broken.yaml"
    broken.write_text(
        "project: shop\nsource: {kind: files, events: e, items: i}\nobjectives: []\nnonsense:"
        " 1\nclock: 3\n"
    )
    code, text = call(home, "config", "check", str(broken))
    assert (
        code == 1
        and "3 mistake(s)" in text
        and "objectives" in text
        and "nonsense" in text
        and "clock" in text
    )


def test_a_machine_that_runs_the_tests_passes_the_doctor(home: Path) -> None:
    code, text = call(home, "doctor")
    assert code == 0, text
    assert "schema revision" in text


@pytest.mark.parametrize("day", ["2026-2-13", "2026-02-30", "yesterday", ""])
@pytest.mark.parametrize(
    "command", [("run",), ("report",), ("export-embeddings", "--to", "x")], ids=lambda c: c[0]
)
def test_a_date_that_is_none_is_refused_in_four_parts(
    home: Path, command: tuple[str, ...], day: str
) -> None:
    code, text = call(home, *command, "--as-of", day)
    assert (
        code == 1
        and "expected: a date that exists, as YYYY-MM-DD" in text
        and f"found: {day!r}" in text
    )
    assert "where: --as-of" in text and "todo:" in text


@pytest.mark.parametrize(
    "words",
    [("recommend", "7", "--k", k) for k in ("-1", "0", "1001")]
    + [(command, "--limit", n) for command in ("publications", "releases") for n in ("-1", "0")],
    ids=" ".join,
)
def test_a_count_out_of_range_is_refused(home: Path, words: tuple[str, ...]) -> None:
    code, text = call(home, *words)
    assert code == 2 and f"Invalid value for '{words[-2]}'" in text


def test_an_empty_home_answers_kindly(home: Path) -> None:
    call(home, "migrate")
    assert "run a night first" in call(home, "publications")[1]
    assert "run a night first" in call(home, "recommend", "someone")[1]
    for words in (
        ("rollback", "--why", "a trial"),
        ("rollback", "--release", "--why", "a trial"),
        ("promote", "r1", "--why", "a trial"),
        ("erase-user", "nobody", "--dry-run"),
        ("erase-user", "nobody"),
    ):
        code, text = call(home, *words)
        assert code == 1 and "expected:" in text and "todo:" in text


def test_the_data_dictionary_is_the_committed_one(home: Path) -> None:
    assert call(home, "data-dictionary") == (
        0,
        (ROOT / "docs" / "reference" / "data-dictionary.md").read_text(),
    )


@pytest.mark.parametrize(
    "words", [("verify",), ("data-dictionary",), ("doctor",), ("report", "--as-of", "2026-01-01")]
)
def test_a_home_that_cannot_be_made_is_told_in_words(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_text("")
    code, text = call(tmp_path / "file" / "home", *words)
    assert code == 1, text
    assert "Not a directory" in text
    assert "RECSYS_HOME" in text
