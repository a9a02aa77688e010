"""A package of one's own, made of the code blocks of docs/extending.md."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recsys_tasks.extensions import ExtensionPoint

GUIDE = (Path(__file__).parents[2] / "docs" / "extending.md").read_text()


@contextmanager
def installed(folder: Path, file: str, point: ExtensionPoint[Any]) -> Iterator[Path]:
    """The guide's module `file` and its entry point, as an installer leaves them; gone at the
    end.
    """
    blocks = re.findall(r"```(python|toml)\n(.*?)```", GUIDE, flags=re.S)
    (code,) = (text for kind, text in blocks if text.startswith(f"# {file}\n"))
    group = f'[project.entry-points."{point.group}"]'
    (entry,) = (text for kind, text in blocks if kind == "toml" and group in text)
    module = folder / file
    module.parent.mkdir(parents=True, exist_ok=True)
    (module.parent / "__init__.py").touch()
    module.write_text(code)
    info = folder / "my_nightshelf-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-nightshelf\nVersion: 1.0\n")
    lines = entry.replace(group, f"[{point.group}]").replace('"', "")
    (info / "entry_points.txt").write_text(lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        importlib.invalidate_caches()
        patch.setitem(vars(point), "found", replace(point).found)
        try:
            yield module
        finally:
            for name in [name for name in sys.modules if name.partition(".")[0] == "my_nightshelf"]:
                del sys.modules[name]
