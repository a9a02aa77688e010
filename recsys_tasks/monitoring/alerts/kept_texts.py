"""Where alerts, errors of tasks and notes of failed runs are kept: in a folder of RECSYS_HOME or,
where hosts may have a home each (RECSYS_DATABASE_URL names a server of the network), in the
database.

A text that the database cannot take is kept in the folder until it can: an outage loses none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Protocol

from recsys_tasks.config import Environment
from recsys_tasks.small_files import write_whole


class Place(Protocol):
    """Texts by name. Everything raises OSError where the place cannot be had."""

    def read_all(self) -> Mapping[str, str]:
        """Name → text."""

    def read(self, name: str) -> str | None:
        """One text."""

    def write(self, name: str, text: str) -> None:
        """Keep a text whole or not at all, in place of an earlier one."""

    def remove(self, name: str) -> None:
        """Forget a text."""


class Shared(Place, Protocol):
    """A place that every host has."""

    def locked(self) -> AbstractContextManager[None]:
        """Alone among the processes of every host."""


class Folder:
    """Implements `Place` as files `NAME.json`."""

    def __init__(self, path: Path, *, mode: int = 0o777) -> None:
        self.path, self._mode = path, mode

    def read_all(self) -> Mapping[str, str]:
        """As `Place` has it; a file that cannot be read is left out."""
        names = sorted(path.stem for path in self.path.glob("*.json"))
        texts = {name: self.read(name) for name in names}
        return {name: text for name, text in texts.items() if text is not None}

    def read(self, name: str) -> str | None:
        """As `Place` has it; None for a file that cannot be read."""
        with suppress(OSError, ValueError):
            return self._file(name).read_text()
        return None

    def write(self, name: str, text: str) -> None:
        """As `Place` has it."""
        self.path.mkdir(parents=True, exist_ok=True, mode=self._mode)
        write_whole(self._file(name), text)

    def remove(self, name: str) -> None:
        """As `Place` has it."""
        self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self.path / f"{name}.json"


class OwnFolder(Folder):
    """A folder outside RECSYS_HOME, of which nothing is taken unless it is ours alone."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, mode=0o700)

    def read_all(self) -> Mapping[str, str]:
        """As `Place` has it."""
        return super().read_all() if self._is_ours() else {}

    def read(self, name: str) -> str | None:
        """As `Place` has it."""
        return super().read(name) if self._is_ours() else None

    def write(self, name: str, text: str) -> None:
        """As `Place` has it. Raises OSError, also where the folder is somebody else's."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._is_ours():
            raise OSError(f"{self.path} is somebody else's")
        super().write(name, text)

    def remove(self, name: str) -> None:
        """As `Place` has it."""
        if self._is_ours():
            super().remove(name)

    def _is_ours(self) -> bool:
        with suppress(OSError):
            return self.path.lstat().st_uid == os.getuid() and not self.path.is_symlink()
        return False


class Texts:
    """Implements `Place` over several: a text is written to the first that takes it, and read from
    all.
    """

    def __init__(self, *places: Place) -> None:
        self._places = places

    def read_all(self) -> Mapping[str, str]:
        """As `Place` has it; what is in an earlier place goes first."""
        found: dict[str, str] = {}
        for place in reversed(self._places):
            with suppress(OSError):
                found |= place.read_all()
        return found

    def read(self, name: str) -> str | None:
        """As `Place` has it."""
        for place in self._places:
            with suppress(OSError):
                if (text := place.read(name)) is not None:
                    return text
        return None

    def write(self, name: str, text: str) -> None:
        """As `Place` has it. Raises OSError when no place takes it."""
        failure = OSError("no place for texts")
        for number, place in enumerate(self._places):
            try:
                place.write(name, text)
            except OSError as error:
                failure = error
                continue
            for other in self._places[number + 1 :]:
                with suppress(OSError):
                    other.remove(name)
            return
        raise failure

    def remove(self, name: str) -> None:
        """As `Place` has it. Raises OSError where a place could not be asked."""
        failures = []
        for place in self._places:
            try:
                place.remove(name)
            except OSError as error:
                failures.append(error)
        if failures:
            raise failures[0]


def texts_of(environment: Environment, *folder: str) -> Texts:
    """The texts of a folder of RECSYS_HOME, and before it those that every host has."""
    return Texts(*shared_places(environment, *folder), Folder(environment.home.joinpath(*folder)))


def shared_places(environment: Environment, *folder: str) -> Iterator[Shared]:
    """The place that every host has, where there is one."""
    if environment.database_url:
        from recsys_tasks.database.shared_texts import SharedTexts, is_remote

        if is_remote(environment.database_url):
            yield SharedTexts(environment.database_url, "/".join(folder))


def lock_of(folder: Path) -> int | None:
    """An open file of a folder to lock; None where none can be had."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for flags in (
        os.O_RDWR | os.O_CREAT,
        os.O_RDONLY,
    ):  # a disk that became read-only may hold one already
        with suppress(OSError):
            return os.open(folder / ".lock", flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    return None
