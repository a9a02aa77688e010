"""Where the files of a table are, and how each is read: on this machine, or in an object store."""

from __future__ import annotations

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

    def close(self) -> None:
        """Nothing is held."""
