"""Where the files of a table are, and how each is read: on this machine, or in an object store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from recsys_tasks.sources.files.listing import folder_values, list_files, passed_over, shown_path


class Place(Protocol):
    """A file, a folder or a pattern; its files are known by their names. `str` is as messages
    name it.
    """

    def names(self) -> list[str]:
        """The data files that are there now, oldest first. Raises RecsysError."""
        ...

    def passed_over(self) -> list[str]:
        """Visible files that are not read, for their suffix."""
        ...

    def folder_values(self, name: str) -> dict[str, str | None]:
        """Columns that the names of a file's folders give."""
        ...

    def version(self, name: str) -> str:
        """What changes whenever the file does."""
        ...

    def local(self, name: str) -> Path:
        """The file on this machine. Raises RecsysError."""
        ...

    def same(self) -> list[tuple[str, str]]:
        """Files that have the same bytes, each after the first that has them."""
        ...

    def close(self) -> None:
        """End what is held for the files that were read."""
        ...


@dataclass(frozen=True)
class LocalFiles:
    """Implements `Place` for a path of this machine."""

    root: Path

    def __str__(self) -> str:
        return str(self.root)

    def names(self) -> list[str]:
        """As `Place` has it."""
        return [str(path) for path in list_files(self.root)]

    def passed_over(self) -> list[str]:
        """As `Place` has it."""
        return [shown_path(path) for path in passed_over(self.root)]

    def folder_values(self, name: str) -> dict[str, str | None]:
        """As `Place` has it."""
        return folder_values(self.root, Path(name))

    def version(self, name: str) -> str:
        """Size and modification time."""
        facts = Path(name).stat()
        return f"{facts.st_size}:{facts.st_mtime_ns}"

    def local(self, name: str) -> Path:
        """The file itself."""
        return Path(name)

    def same(self) -> list[tuple[str, str]]:
        """By the bytes of files of one size."""
        by_size: dict[int, list[str]] = {}
        for name in self.names():
            by_size.setdefault(Path(name).stat().st_size, []).append(name)
        several = {size: names for size, names in by_size.items() if size and len(names) > 1}
        return same_of({name: _hash_of(name) for names in several.values() for name in names})

    def close(self) -> None:
        """Nothing is held."""


def same_of(contents: Mapping[str, str]) -> list[tuple[str, str]]:
    """(first, again) of names whose contents are the same."""
    firsts: dict[str, str] = {}
    found = []
    for name in sorted(contents):
        first = firsts.setdefault(contents[name], name)
        found += [(first, name)] if first != name else []
    return found


def _hash_of(name: str) -> str:
    with Path(name).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
