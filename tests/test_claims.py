"""What documentation, runbooks and errors tell people to type, set or look at is there."""

from __future__ import annotations

import ast
import functools
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from pydantic import BaseModel

from recsys_tasks.cli import app
from recsys_tasks.config import Config
from recsys_tasks.config.source import SOURCES

ROOT = Path(__file__).resolve().parent.parent
RUNBOOKS = ROOT / "include" / "runbooks"
PAGES = [
    *(
        ROOT / name
        for name in (
            "README.md",
            "CONTRIBUTING.md",
            ".env.example",
            "docker-compose.yaml",
            "Makefile",
        )
    ),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(RUNBOOKS.glob("*.md")),
    *sorted((ROOT / "include").glob("**/*.yaml")),
]
CODE = [
    path
    for name in ("recsys_tasks", "plugins", "dags")
    for path in sorted((ROOT / name).rglob("*.py"))
]
ROOT_COMMAND = typer.main.get_command(app)
UsageError: Any = typer.BadParameter.__base__


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


# --- commands -------------------------------------------------------------------------------------


def commands(text: str) -> list[str]:
    """What stands after `recsys` up to the end of its code span, its line or its comment."""
    spans = re.findall(r"(?:^|[`(/]|: |; |run )recsys (?=[a-z])([^`\n;#]*)", text, flags=re.M)
    return [re.sub(r"\$\([^)]*\)", "X", span).partition(" > ")[0].strip() for span in spans]


def command_named(words: list[str]) -> Any:
    """The command that these words begin with; it takes its words off. Raises KeyError when there
    is none.
    """
    command: Any = ROOT_COMMAND
    while hasattr(command, "commands"):
        if command.invoke_without_command and (not words or words[0].startswith("-")):
            return command
        command = command.commands[words.pop(0) if words else ""]
    return command


def fault(text: str) -> str | None:
    """What the command line says to a command as it is written, or to its name alone; None when all
    is well.
    """
    words = shlex.split(text)
    try:
        command = command_named(words)
        if words:
            command.make_context(text, words)
    except KeyError as error:
        return f"recsys {text}: no command {error}"
    except UsageError as error:
        return f"recsys {text}: {error.format_message()}"
    return None


def test_a_wrong_command_is_a_fault() -> None:
    assert fault("rollback --who ann --why 'odd lists'") is None
    wrong = [
        "roll-back",
        "config",
        "config show",
        "rollback --who ann",
        "rollback --reason odd --why odd",
    ]
    assert [text for text in wrong if fault(text) is None] == []


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_command_of_a_page_is_taken_as_it_is_written(path: Path) -> None:
    assert [words for command in commands(path.read_text()) if (words := fault(command))] == []


@functools.cache
def strings(path: Path) -> tuple[str, ...]:
    """Every text of a module, what is filled in as {}."""
    return tuple(_strings(path))


def _strings(path: Path) -> Iterator[str]:
    inner = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.JoinedStr):
            inner |= {id(part) for part in node.values}
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
            )
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner
        ):
            yield node.value


def test_every_command_that_the_program_recommends_exists() -> None:
    seen = 0
    for path in CODE:
        for text in strings(path):
            for name, options in re.findall(
                r"(?:`|^|[:;,] |run )recsys ((?:config )?[a-z][a-z-]+)([^`;.\n]*)", text
            ):
                known = {
                    option
                    for parameter in command_named(name.split()).params
                    for option in parameter.opts
                }
                assert set(re.findall(r"(?<!\S)--[a-z-]+", options)) <= known, (named(path), text)
                seen += 1
    assert seen > 30


# --- variables and settings -----------------------------------------------------------------------


def test_every_variable_that_is_named_is_read_somewhere() -> None:
    readers = [
        *CODE,
        *(ROOT / "tests").rglob("*.py"),
        *(ROOT / "benchmarks").rglob("*.py"),
        *(ROOT / "include" / "docker").rglob("*"),
        *PAGES[3:4],
    ]
    readers = [path for path in readers if path.is_file() and path != Path(__file__)]
    read = set(re.findall(r"RECSYS_[A-Z_]+", "\n".join(path.read_text() for path in readers)))
    examples = re.findall(
        r"\$\{(RECSYS_[A-Z_]+)\}", "\n".join(path.read_text() for path in PAGES[-4:])
    )
    for path in PAGES:
        assert set(re.findall(r"RECSYS_[A-Z_]+", path.read_text())) <= read | set(examples), named(
            path
        )


def settings(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every path of a setting below a section, and of the section itself."""
    for name, field in model.model_fields.items():
        yield prefix + name
        for section in sections(field.annotation):
            yield from settings(section, f"{prefix}{name}.")


def sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """The sections within a field's type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from sections(part)


SETTINGS = set(settings(Config)) | {
    path for kind in SOURCES for path in settings(kind.settings, "source.")
}
TOPS = "|".join(sorted({path.partition(".")[0] for path in SETTINGS if "." in path}))
MODULES = {
    ".".join(path.relative_to(ROOT / "recsys_tasks").with_suffix("").parts)
    for path in (ROOT / "recsys_tasks").rglob("*.py")
}
OTHERS = {"items.blocked"} | MODULES
"""A column of the database whose table is called as a section is; and rooms of that name."""


def paths(text: str) -> set[str]:
    """What has the form of a setting's path, its first word a section's; `events.yaml` is a
    file.
    """
    found = re.findall(rf"(?<![\w./-])(?:{TOPS})(?:\.[a-z_]+)+(?![\w(/]|\.[a-z])", text)
    return {path for path in found if not path.endswith((".yaml", ".json"))}


@pytest.mark.parametrize("path", [path for path in PAGES if path.suffix == ".md"], ids=named)
def test_every_setting_of_a_page_exists(path: Path) -> None:
    spans = " ".join(re.findall(r"`([^`\n]+)`", path.read_text()))
    checks = {
        text for module in CODE for text in strings(module)
    }  # events.missing_time is a check of the data
    assert paths(spans) - SETTINGS - checks - OTHERS == set()


def test_every_setting_that_the_program_names_exists() -> None:
    every = {text for module in CODE for text in strings(module)}
    for path in CODE:
        for text in set(strings(path)) - remarks(path):
            assert paths(text) - SETTINGS - every == set(), named(path)


def remarks(path: Path) -> set[str]:
    """The docstrings of a module, fields' too: nobody is told them."""
    statements = [
        node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Expr)
    ]
    return {str(value.value) for value in statements if isinstance(value, ast.Constant)}


def test_the_layers_of_the_architecture_are_those_that_are_checked() -> None:
    contract, *_ = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
    layers = [
        {name.removeprefix("recsys_tasks.") for name in layer.split(" | ")}
        for layer in contract["layers"]
    ]
    (told,) = re.findall(
        r"^`(cli, launcher > [^`]+)`$", (ROOT / "docs" / "architecture.md").read_text(), flags=re.M
    )
    assert [set(layer.split(", ")) for layer in " ".join(told.split()).split(" > ")] == layers
