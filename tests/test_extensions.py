"""Extension points find what is built in or installed, and refuse what they cannot load."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from recsys_tasks.errors import ConfigError
from recsys_tasks.extensions import ExtensionPoint


class Said:
    def __init__(self, name: str) -> None:
        self.name = name


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package `room_of_words` with the implementations `one` and `two`, importable."""
    folder = tmp_path / "room_of_words"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    for name in ("one", "two"):
        words = f"from tests.test_extensions import Said\n\nWORD = Said({name!r})\n"
        (folder / f"{name}.py").write_text(words)
    (folder / "helper.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for module in [name for name in sys.modules if name.startswith(("room_of_words", "my_words"))]:
        del sys.modules[module]


def point() -> ExtensionPoint[Said]:
    importlib.invalidate_caches()
    return ExtensionPoint("word", "nightshelf.test_words", "room_of_words", "WORD")


def install(folder: Path, line: str) -> None:
    """What an installer leaves of a distribution `words 1.0` with one entry point."""
    info = folder / "words-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: words\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[nightshelf.test_words]\n{line}\n")


def test_every_module_with_the_attribute_is_one_and_a_deleted_file_leaves_the_rest(
    room: Path,
) -> None:
    assert point().names() == ("one", "two")
    (room / "one.py").unlink()
    sys.modules.pop("room_of_words.one", None)
    assert point().names() == ("two",)


def test_an_installed_one_is_found_with_its_package_and_its_sources(room: Path) -> None:
    own = room.parent / "my_words"
    own.mkdir()
    (own / "__init__.py").write_text("")
    (own / "three.py").write_text("from tests.test_extensions import Said\nWORD = Said('three')\n")
    install(room.parent, "three = my_words.three:WORD")
    found = point().found
    assert tuple(found) == ("one", "two", "three")
    assert found["three"].package == "words 1.0"
    assert {path.name for path in found["three"].sources} == {"__init__.py", "three.py"}
    assert [path.name for path in found["one"].sources] == ["one.py"]


def test_an_unknown_name_is_refused_with_the_known_ones(room: Path) -> None:
    with pytest.raises(ConfigError, match="one, two") as refused:
        point().get("thre", "settings.yaml: words")
    assert "found: 'thre'" in str(refused.value) and "settings.yaml: words" in str(refused.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("three = no_such_module:WORD", "no_such_module"),
        ("three = room_of_words.one:WORD", "its name is 'one'"),
        ("one = room_of_words.one:WORD", "both in"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_package(room: Path, line: str, words: str) -> None:
    install(room.parent, line)
    with pytest.raises(ConfigError, match="words"):
        point().names()
    with pytest.raises(ConfigError) as refused:
        point().names()
    assert words in str(refused.value)
    assert "uninstall" in str(refused.value)


def test_a_broken_package_does_not_stop_who_asks_for_another(room: Path) -> None:
    install(room.parent, "three = no_such_module:WORD")
    assert point().get("one").name == "one"
    with pytest.raises(ConfigError, match="built in") as refused:
        point().get("four")
    assert "one, two, three" in str(refused.value)
    with pytest.raises(ConfigError, match="no_such_module"):
        point().get("three")
