"""The files of a download: a zip archive, a folder or a single file, each with how it begins."""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from recsys_tasks.commands.public_data.workbooks import first_row, is_workbook
from recsys_tasks.errors import DataError

_HEAD = 65_536
"""Bytes of a file by which it is recognised."""
_MOST_FILES = 1_000
_PASSED_OVER = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".pdf", ".md5")
"""Suffixes of files that no table is in: an archive may have a hundred thousand images."""
_LARGEST_WORKBOOK = 1_000_000_000
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Member:
    """One file of a download."""

    name: str
    """Its path within the download."""
    size: int
    """Bytes, as it is stored there."""
    lines: tuple[str, ...]
    """Its first whole lines, read as Latin-1 where they are no UTF-8; of a workbook the first row
    of its first sheet, written as CSV.
    """
    is_workbook: bool
    is_gzipped: bool
    fetch: Callable[[Path], Path]
    """Where the file itself is: unpacked into the folder given, unless it lies somewhere already.
    """


@contextmanager
def members_of(path: Path) -> Iterator[Sequence[Member]]:
    """The files of a download, for as long as the block runs. Raises DataError for what cannot be
    opened.
    """
    if not path.exists():
        raise DataError(
            expected="a downloaded archive, or the folder that it was unpacked into",
            found="no such file or folder",
            where=str(path),
            remedy="correct the path",
        )
    try:
        if path.is_dir():
            yield [_file(found, str(found.relative_to(path))) for found in _below(path)]
        elif zipfile.is_zipfile(path) and not is_workbook(path):
            with zipfile.ZipFile(path) as archive:
                yield [_packed(archive, info) for info in _listed(archive, path)]
        else:
            yield [_file(path, path.name)]
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
        raise DataError(
            expected="an archive that can be unpacked",
            found=f"{type(error).__name__}: {error}",
            where=str(path),
            remedy="download it again: it broke off, or it is protected by a password",
        ) from error


def _below(folder: Path) -> list[Path]:
    found = []
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden and path.suffix.lower() not in _PASSED_OVER:
            found.append(path)
        if len(found) > _MOST_FILES:
            raise _too_many(folder)
    return found


def _listed(archive: zipfile.ZipFile, path: Path) -> list[zipfile.ZipInfo]:
    found = [
        info
        for info in archive.infolist()
        if not info.is_dir() and Path(info.filename).suffix.lower() not in _PASSED_OVER
    ]
    if len(found) > _MOST_FILES:
        raise _too_many(path)
    return found


def _too_many(path: Path) -> DataError:
    return DataError(
        expected=f"the download of one data set: at most {_MOST_FILES:,} files beside images",
        found="more files",
        where=str(path),
        remedy="name the archive, or the folder that it was unpacked into",
    )


def _file(path: Path, name: str) -> Member:
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        workbook = start.startswith(b"PK") and is_workbook(path)
        lines = _row_of(path) if workbook else _lines(file)
    zipped = start.startswith(_GZIP)
    return Member(name, path.stat().st_size, lines, workbook, zipped, lambda folder: path)


def _packed(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    def fetch(folder: Path) -> Path:
        # By number: what a name in an archive says of folders is not followed.
        number = archive.infolist().index(info)
        path = folder / f"{number}{Path(info.filename).suffix}"
        if not path.exists():
            with archive.open(info) as packed, path.open("wb") as file:
                shutil.copyfileobj(packed, file, 1 << 20)
        return path

    with archive.open(info) as packed:
        start = packed.read(4)
    workbook, lines = False, None
    if start.startswith(b"PK") and info.file_size <= _LARGEST_WORKBOOK:
        raw = io.BytesIO(archive.read(info))
        workbook = is_workbook(raw)
        lines = _row_of(raw) if workbook else ()
    if lines is None:
        with archive.open(info) as packed:
            lines = _lines(packed)
    return Member(info.filename, info.file_size, lines, workbook, start.startswith(_GZIP), fetch)


def _lines(file: IO[bytes]) -> tuple[str, ...]:
    """First whole lines of a text; none of what has zero bytes and is no text."""
    raw = file.read(_HEAD)
    if raw.startswith(_GZIP):
        unpacked = zlib.decompressobj(wbits=31)
        raw = unpacked.decompress(raw, _HEAD)
    if b"\0" in raw:
        return ()
    whole = raw if len(raw) < _HEAD else raw[: raw.rfind(b"\n") + 1]
    try:
        text = whole.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = whole.decode("latin-1")
    return tuple(line for line in text.splitlines() if line)


def _row_of(workbook: Path | IO[bytes]) -> tuple[str, ...]:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(first_row(workbook))
    return (text.getvalue(),)
