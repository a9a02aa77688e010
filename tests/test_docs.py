"""The documentation says what is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from recsys_tasks.commands.describe import describe, field_reference
from recsys_tasks.config import load_config
from recsys_tasks.privacy.lake import ERASERS, IMPERSONAL
from recsys_tasks.stages.night import read_environment

ROOT = Path(__file__).resolve().parent.parent
DOCS = sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))
SETTINGS = [
    ROOT / "include" / "recsys.yaml",
    *sorted((ROOT / "include" / "examples").glob("*.yaml")),
]


def test_configuration_reference_is_current() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text() == field_reference(), (
        "run: recsys config docs"
    )


@pytest.mark.parametrize("path", SETTINGS, ids=lambda p: p.stem)
def test_settings_files_are_valid_and_described(path: Path) -> None:
    lines = list(describe(load_config(path), read_environment()))
    assert any(line.startswith("objectives") for line in lines)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", *DOCS])
def test_make_targets_and_files_named_in_docs_exist(name: str) -> None:
    text = (ROOT / name).read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    assert set(re.findall(r"`make ([a-z-]+)`", text)) <= targets
    links = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    assert [link for link in links if not ((ROOT / name).parent / link).exists()] == []


def test_every_kind_of_artifact_is_named_where_erasing_is_explained() -> None:
    text = (ROOT / "docs" / "erasing-a-user.md").read_text()
    kinds = {*ERASERS, *IMPERSONAL} - {"erased"}
    assert sorted(kind for kind in kinds if f"`{kind}`" not in text) == []
