"""Which files of a path hold data: what is hidden, temporary or metadata is never read, at any
level.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from glob import has_magic
from pathlib import Path
from urllib.parse import unquote

from recsys_tasks.errors import ConfigError, SchemaError, offenders
from recsys_tasks.sources.files.archives import archive_words

_PACKED = ("", ".gz", ".bz2", ".zst", ".zstd")
_TEXTS = (".csv", ".tsv", ".jsonl", ".ndjson")
SUFFIXES = (
    *(f"{name}{packed}" for name in _TEXTS for packed in _PACKED),
    *(".parquet", ".parq", ".pq", ".arrow", ".arrows", ".feather"),
)
"""Of the files below a folder; a file that the settings name is read whatever its suffix."""
_JSON = tuple(f".json{packed}" for packed in _PACKED)
_HIDDEN = (".", "_", "~", "#", "$", "@")
"""First characters of names that programs give to files that hold no data: .ipynb_checkpoints, ._x,
_temporary, _SUCCESS, ~$x.
"""
_TEMPORARY = (
    ".tmp",
    ".temp",
    ".part",
    ".partial",
    ".inprogress",
    ".crdownload",
    ".swp",
    ".bak",
    ".old",
    "~",
)
_NOT_DATA = frozenset({"lost+found", "system volume information", "tmp", "temp"})
_TABLE_LOGS = {"_delta_log": "a Delta table", ".hoodie": "a Hudi table"}
_NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"


def resolve(text: str, folder: Path | None) -> Path:
    """The path that the settings mean: `~` replaced, and relative to the settings file's `folder`.

    A relative path that is there only below the current folder is read from there, as it always
    was. Raises ConfigError when both are there and differ: which one is meant would depend on where
    the night is started.
    """
    path = _expanded(text)
    if path.is_absolute() or folder is None:
        return path
    beside = folder / path
    if not _is_there(path) or (_is_there(beside) and beside.resolve() == path.resolve()):
        return beside
    if _is_there(beside):
        raise ConfigError(
            expected="one path that a relative one means",
            found=(
                f"{text!r} is there beside the settings file, {beside}, and in the current folder,"
                f" {path.resolve()}"
            ),
            where="source",
            remedy="write the whole path",
        )
    return path


def _expanded(text: str) -> Path:
    try:
        path = Path(text).expanduser()
        _is_there(path)
    except (
        RuntimeError,
        ValueError,
        OSError,
    ) as error:  # no such user, no pattern, longer than a path may be
        raise ConfigError(
            expected="a path or a pattern such as part-*.csv",
            found=f"{text[:200]!r}: {error.strerror if isinstance(error, OSError) else error}",
            where="source",
            remedy="correct the path under `source`",
        ) from error
    return path


def list_files(root: Path) -> list[Path]:
    """The data files at or below a path or of a pattern such as `part-*.csv`, sorted. Raises
    ConfigError, SchemaError.

    Parts of a name below `root` are looked at, not `root` itself: what the settings name is read.
    """
    if root.is_file():
        return [root]
    found = _matching(root) if not root.exists() and has_magic(str(root)) else _below(root)
    suffixes = suffixes_among(path.name for path in found)
    files = sorted(path for path in found if path.name.lower().endswith(suffixes))
    if odd := [path for path in files if not _is_utf8(path)]:
        raise SchemaError(
            expected="names of files in UTF-8",
            found=f"a name of other bytes: {os.fsencode(odd[0].name)!r}",
            where=shown_path(odd[0].parent),
            remedy="give the file a name in UTF-8",
        )
    if not files:
        raise _nothing(root, found)
    return files


def passed_over(root: Path) -> list[Path]:
    """Visible files at or below a folder, or of a pattern, that are not read, for their suffix."""
    if root.is_file():
        return []
    found = _below(root) if root.is_dir() else _matching(root) if has_magic(str(root)) else []
    suffixes = suffixes_among(path.name for path in found)
    return [path for path in found if not path.name.lower().endswith(suffixes)]


def suffixes_among(names: Iterable[str]) -> tuple[str, ...]:
    """Suffixes of the names that are data. Beside data of other suffixes .json is metadata, such as
    a manifest; where there are none it is the data.
    """
    return SUFFIXES if any(name.lower().endswith(SUFFIXES) for name in names) else _JSON


def shown_path(path: Path) -> str:
    """A path for messages; bytes of its name that are not UTF-8 are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _is_utf8(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def folder_values(root: Path, path: Path) -> dict[str, str | None]:
    """Columns that the names of the folders between a root and a file give."""
    root = root if root.exists() or not has_magic(str(root)) else _fixed(root)
    return values_of(path.relative_to(root).parts[:-1]) if root in path.parents else {}


def values_of(folders: Sequence[str]) -> dict[str, str | None]:
    """Columns that folders' names give, as `event=purchase/day=2026-01-05` does; text, or None
    where null.
    """
    pairs = [part.split("=", 1) for part in folders if "=" in part]
    return {
        unquote(name): None if value == _NULL_FOLDER else unquote(value) for name, value in pairs
    }


def _below(root: Path) -> list[Path]:
    """Visible files below a folder. Raises SchemaError for tables of which a log says what files
    count.
    """
    for log in _TABLE_LOGS:
        if any(root.rglob(log)):
            raise table_with_log(log, str(root))
    return _files(path for path in root.rglob("*") if is_visible(path.relative_to(root).parts))


def _matching(pattern: Path) -> list[Path]:
    fixed = _fixed(pattern)
    found = fixed.glob(str(pattern.relative_to(fixed)))
    visible = [path for path in found if is_visible(path.relative_to(fixed).parts)]
    return _files(file for path in visible for file in (_below(path) if path.is_dir() else [path]))


def _fixed(pattern: Path) -> Path:
    """The innermost folder without a pattern: every match lies below it."""
    return next(parent for parent in pattern.parents if not has_magic(str(parent)))


def _files(paths: Iterable[Path]) -> list[Path]:
    files = []
    for path in paths:
        if path.is_symlink() and not path.exists():
            raise ConfigError(
                expected="files that are there",
                found="a link to a file that is not there",
                where=str(path),
                remedy="deliver the file again, or remove the link",
            )
        if path.is_file():
            files.append(path)
    return sorted(files)


def logs_among(names: Iterable[str]) -> list[str]:
    """Those of some names of folders that hold a table's log."""
    return [log for log in _TABLE_LOGS if log in set(names)]


def table_with_log(log: str, where: str) -> SchemaError:
    """The error of a folder with a table of which a log says what files count."""
    return SchemaError(
        expected="files, all of which count",
        found=(
            f"{_TABLE_LOGS[log]} ({log}): its folder also holds files that were replaced or deleted"
        ),
        where=where,
        remedy=(
            "export the table as plain Parquet to a folder of its own, and name that under `source`"
        ),
    )


def is_visible(parts: Sequence[str]) -> bool:
    """Whether no part of a path is hidden, temporary or metadata by its name."""
    return not any(_is_hidden(part) for part in parts)


def _is_hidden(name: str) -> bool:
    if name.startswith("_") and "=" in name:  # a partition of a column whose name begins so
        return False
    return (
        name.startswith(_HIDDEN) or name.lower().endswith(_TEMPORARY) or name.lower() in _NOT_DATA
    )


def _is_there(path: Path) -> bool:
    return path.exists() or (
        has_magic(str(path)) and any(_fixed(path).glob(str(path.relative_to(_fixed(path)))))
    )


def _nothing(root: Path, passed: list[Path]) -> ConfigError:
    if not root.exists() and not has_magic(str(root)):
        found = "no such path" if root.is_absolute() else f"no such path below {Path.cwd()}"
    elif not passed:
        found = "an empty folder" if root.is_dir() else "no file of this pattern"
    else:
        found = ""
    return no_files(str(root), found, [path.name for path in passed])


def no_files(root: str, found: str, passed: Sequence[str]) -> ConfigError:
    """The error of a path without data: what was found, or the names of other files there."""
    packed = archive_words(passed)
    found = found or packed or f"only files with other suffixes: {offenders(passed)}"
    return ConfigError(
        expected="a .csv, .tsv, .jsonl, .json, .parquet or .arrow file, or a folder with some",
        found=found,
        where=root,
        remedy="correct the path under `source`, or deliver the files",
    )
