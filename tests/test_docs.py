"""The documentation says what is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from recsys_tasks.commands.describe import describe
from recsys_tasks.commands.settings_reference import field_reference
from recsys_tasks.config import load_config, read_environment
from recsys_tasks.lake.kinds import catalogue

ROOT = Path(__file__).resolve().parent.parent
DOCS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))
SETTINGS = [
    ROOT / "include" / "recsys.yaml",
    *sorted((ROOT / "include" / "examples").glob("*.yaml")),
]


def test_configuration_reference_is_current() -> None:
    assert (ROOT / "docs" / "reference" / "configuration.md").read_text() == field_reference(), (
        "run: recsys config docs"
    )


@pytest.mark.parametrize("path", SETTINGS, ids=lambda p: p.stem)
def test_settings_files_are_valid_and_described(path: Path) -> None:
    lines = list(describe(load_config(path), read_environment()))
    assert any(line.startswith("objectives") for line in lines)


@pytest.mark.parametrize(
    "name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", *DOCS]
)
def test_make_targets_and_files_named_in_docs_exist(name: str) -> None:
    text = (ROOT / name).read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    assert set(re.findall(r"`make ([a-z-]+)`", text)) <= targets
    links = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    assert [link for link in links if not ((ROOT / name).parent / link).exists()] == []


def test_every_kind_of_artifact_is_named_where_erasing_is_explained() -> None:
    text = (ROOT / "docs" / "operations" / "erasing-a-user.md").read_text()
    kinds = catalogue().keys() - {"erased"}
    assert sorted(kind for kind in kinds if f"`{kind}`" not in text) == []


def test_the_map_of_the_architecture_names_every_room() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    rows = "\n".join(line for line in text.splitlines() if line.startswith("| `"))
    rooms = {path.stem for path in (ROOT / "recsys_tasks").iterdir() if path.suffix in ("", ".py")}
    rooms -= {"__init__", "__pycache__"}
    assert sorted(room for room in rooms if not re.search(rf"`{room}/?`", rows)) == []
    assert len(text.splitlines()) <= 150


@pytest.mark.parametrize("name", DOCS)
def test_every_page_can_be_reached_from_the_index(name: str) -> None:
    folder = (ROOT / name).parent
    pages = [ROOT / "docs" / "index.md", ROOT / "docs" / "architecture.md", folder / "README.md"]
    found = set()
    for page in pages:
        for link in re.findall(r"\]\(([^)#]+)", page.read_text() if page.exists() else ""):
            found.add((page.parent / link).resolve())
    assert (ROOT / name).resolve() in found or name == "docs/index.md"
