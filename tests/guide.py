"""The worked examples of docs/extending.md, installed as their readers would."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from recsys_tasks.extensions import ExtensionPoint

GUIDE = Path(__file__).resolve().parent.parent / "docs" / "extending.md"


def blocks(section: str, language: str) -> list[str]:
    """The code blocks of a language below the heading `## section`."""
    text = GUIDE.read_text()
    (part,) = re.findall(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", text, flags=re.M | re.S)
    return re.findall(rf"^```{language}\n(.*?)^```$", part, flags=re.M | re.S)


@contextmanager
def installed(
    section: str, point: ExtensionPoint[Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The section's package, importable and with its entry points; yields the extension's name.

    The first line of a Python block names its file (`# my_nightshelf/alarms.py`); the TOML block
    has the entry point.
    """
    for block in blocks(section, "python"):
        path = folder / block.splitlines()[0].removeprefix("# ")
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(block)
    (toml,) = blocks(section, "toml")
    ((group, line),) = re.findall(r'^\[project\.entry-points\."([\w.]+)"\]\n(.+)$', toml, re.M)
    assert group == point.group
    info = folder / "my_nightshelf-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-nightshelf\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{line.replace(chr(34), '')}\n")
    forget(point)
    with monkeypatch.context() as patched:
        patched.syspath_prepend(str(folder))
        try:
            yield line.partition(" ")[0]
        finally:
            forget(point)
    importlib.invalidate_caches()


def forget(point: ExtensionPoint[Any]) -> None:
    """What the point found before, and the example's modules."""
    vars(point).pop("found", None)
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_nightshelf"]:
        del sys.modules[name]
