"""The house rules find what breaks them, and nothing else."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

CHECKS = Path(__file__).resolve().parent.parent / ".ci"


@pytest.fixture(scope="module")
def house() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(CHECKS))
        yield importlib.import_module("house_rules")


def found(house: ModuleType, root: Path, text: str, name: str = "room.py") -> list[tuple[int, str]]:
    path = root / "recsys_tasks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return [(one.line, one.rule) for one in house.findings(root)]


def test_a_function_is_long_without_its_docstring(house: ModuleType, tmp_path: Path) -> None:
    def function(lines: int) -> str:
        return 'def long():\n    """One.\n\n    Two.\n    """\n' + "    pass\n" * (lines - 1)

    assert found(house, tmp_path, function(50)) == []
    assert found(house, tmp_path, function(51)) == [(1, "function-lines")]


def test_self_is_no_argument(house: ModuleType, tmp_path: Path) -> None:
    text = "class A:\n    def f(self, a, b, c, d, e, f, *, g): pass\n"
    assert found(house, tmp_path, text) == []
    text += "def f(a, b, c, d, e, f, g, h): pass\n"
    assert found(house, tmp_path, text) == [(3, "arguments")]


def test_a_file_has_at_most_300_lines(house: ModuleType, tmp_path: Path) -> None:
    assert found(house, tmp_path, "pass\n" * 300) == []
    assert found(house, tmp_path, "pass\n" * 301) == [(1, "file-lines")]


@pytest.mark.parametrize(
    "text",
    [
        "from other import _name",
        "import other\nother._name()",
        "patch.setattr('other.module._name', 1)",
        "patch.setattr(other, '_name', 1)",
        "getattr(other, '_name')",
    ],
)
def test_a_private_name_of_another_module(house: ModuleType, tmp_path: Path, text: str) -> None:
    line = len(text.splitlines())
    assert found(house, tmp_path, text) == [(line, "private-import")]


def test_private_names_of_its_own_and_of_namedtuples(house: ModuleType, tmp_path: Path) -> None:
    text = (
        "class A:\n    def __init__(self, a): self._a = a\n"
        "    def same(self, other): return other._a == self._a\n"
        "row = row._replace(a=1)\nt = t.mutate(_day=1).filter(t._day)\n"
    )
    assert found(house, tmp_path, text) == []


def test_modules_have_no_underscore(house: ModuleType, tmp_path: Path) -> None:
    assert found(house, tmp_path, "", "_inner.py") == [(1, "underscore-module")]
    (tmp_path / "recsys_tasks" / "_inner.py").unlink()
    assert found(house, tmp_path, "", "__main__.py") == []


@pytest.mark.parametrize("raised", ["ValueError()", "OwnError()", "other.refused(1)", "KeyError"])
def test_a_public_function_says_what_it_raises(
    house: ModuleType, tmp_path: Path, raised: str
) -> None:
    text = (
        'class OwnError(ValueError): pass\ndef f():\n    """Do.{}"""\n'
        "    def inner(): raise TypeError\n    try:\n        g()\n"
        "    except OSError as error:\n        raise\n"
    )
    assert found(house, tmp_path, text.format("")) == []
    assert found(house, tmp_path, text.format("") + f"    raise {raised}\n") == [(2, "raises")]
    assert found(house, tmp_path, text.format(" Raises it.") + f"    raise {raised}\n") == []


def test_a_public_function_names_the_shapes_of_arrays(house: ModuleType, tmp_path: Path) -> None:
    text = 'Wide = npt.NDArray[np.int8]\ndef f(x: Wide | None):\n    """Do {}."""\n'
    assert found(house, tmp_path, text.format("it")) == [(2, "shapes")]
    assert found(house, tmp_path, text.format("`[n, d] int8`")) == []
    text = 'def f() -> dict[str, np.ndarray]:\n    """Make {}."""\n'
    assert found(house, tmp_path, text.format("it")) == [(1, "shapes")]
    assert found(house, tmp_path, "def _f(x: np.ndarray): pass\n") == []


def test_a_name_that_only_tests_use_is_dead(house: ModuleType, tmp_path: Path) -> None:
    names = importlib.import_module("house_dead")
    for room, text in {
        "recsys_tasks": "def used(): pass\ndef tested(): pass\ndef measured(): pass\n",
        "plugins": "from recsys_tasks.room import used\nused()\n",
        "tests": "from recsys_tasks.room import tested\ntested()\n",
        "benchmarks": "from recsys_tasks.room import measured\nmeasured()\n",
    }.items():
        (tmp_path / room).mkdir()
        (tmp_path / room / "room.py").write_text(text)
    assert list(names.dead(tmp_path)) == [("recsys_tasks/room.py", 2, "tested")]
