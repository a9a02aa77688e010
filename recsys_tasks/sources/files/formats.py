"""What format a file has, whatever its name says; a format that is not read is named."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Literal

from recsys_tasks.errors import ConfigError, RecsysError, SchemaError, TransientError
from recsys_tasks.sources.files.json_lines import is_json
from recsys_tasks.sources.files.streams import open_bytes

_SIGNS = (
    (b"\xff\xfe\0\0", "text in UTF-32"),
    (b"\0\0\xfe\xff", "text in UTF-32"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
    (b"PK\x03\x04", "a ZIP or Excel file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file"),
    (b"SQLite format 3", "a SQLite database"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"FEA1", "a Feather file of version 1"),
    (b"\xfd7zXZ", "a file compressed with xz"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"PARE", "a Parquet file whose footer is encrypted"),
)
_TAR_AT = 257
"""Where the first file's header of a tar archive says what it is."""
_CONTROL = re.compile(rb"[\0-\x08\x0e-\x1f]")
_READ = (
    "a CSV or JSON file (may be compressed by gzip, bzip2 or Zstandard), a Parquet file or an Arrow"
    " IPC file or stream"
)
_COLUMNAR = {
    b"PAR1": ("Parquet", (".parquet", ".parq", ".pq")),
    b"ARROW1": ("Arrow IPC", (".arrow", ".feather")),
    b"\xff\xff\xff\xff": ("Arrow IPC", (".arrows",)),
}
"""First bytes → the format, and how names of its files end."""
Format = Literal["csv", "json", "parquet", "arrow"]


def format_of(path: Path, encoding: str = "utf-8") -> Format:
    """The format of a file, by its first bytes. Raises SchemaError for one that is not read."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
        with open_bytes(path) as unpacked:
            text = unpacked.read(_TAR_AT + 5)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable_file(path, error) from error
    for sign, (name, _) in _COLUMNAR.items():
        if _begins(start, sign):
            return "parquet" if name == "Parquet" else "arrow"
        if _begins(text, sign):
            raise _other_format(path, f"a compressed {name} file")
    if text[_TAR_AT:] == b"ustar":
        raise _other_format(path, "a tar archive")
    text = text[:64]
    words = _other_words(start, text)
    if words and not _is_named(words, encoding):
        raise _other_format(path, words)
    if is_json(text):
        return "json"
    for name, suffixes in _COLUMNAR.values():
        if path.name.lower().endswith(suffixes):
            raise SchemaError(
                expected=f"{name}, as the file's name says",
                found=f"a file that does not begin as {name} does" if start else "an empty file",
                where=str(path),
                remedy="deliver the file again: it broke off, or is of a format of another name",
            )
    return "csv"


def _other_words(start: bytes, text: bytes) -> str:
    """What a file is by its first bytes and those of its text, of formats and encodings that are
    not read without a setting; empty for others.
    """
    for sign, words in _SIGNS:
        if _begins(start, sign):
            return words
    unmarked = unmarked_text(text)
    if unmarked is None:
        return ""
    name, _, order = unmarked.upper().rpartition("-")
    return f"text in {name} {order} without its mark"


def _is_named(words: str, encoding: str) -> bool:
    """Whether this is text in the encoding that the settings name."""
    name = encoding.lower().replace("_", "-").replace("utf1", "utf-1").replace("utf3", "utf-3")
    return words.startswith("text in UTF") and name.startswith(words.split()[2].lower())


def unmarked_text(start: bytes) -> str | None:
    """The encoding of text in UTF-16 or UTF-32 without a mark before it, `utf-16-le`, by its NULs,
    which no other text has in most of its characters; None for anything else.
    """
    for name, width in (("utf-32", 4), ("utf-16", 2)):
        whole = start[: len(start) // width * width]
        for order, at in (("le", 0), ("be", width - 1)):
            letters = whole[at::width]
            others = len(whole) - len(letters)
            plain = sum(0 < letter < 128 for letter in letters)
            if len(letters) >= 4 and plain == len(letters) and whole.count(0) == others:
                return f"{name}-{order}"
    return None


def is_columnar(start: bytes) -> bool:
    """Whether a file's first bytes are those of Parquet or Arrow IPC."""
    return any(_begins(start, sign) for sign in _COLUMNAR)


def _begins(start: bytes, sign: bytes) -> bool:
    """Whether these are a format's first bytes, and no text: a header may begin with PARENT_ID."""
    line = start.split(b"\n", 1)[0]
    is_header = sign.isascii() and len(line) > len(sign) and _CONTROL.search(line) is None
    return start.startswith(sign) and not is_header


def unreadable_file(path: Path, error: Exception) -> RecsysError:
    """A file that cannot be opened or that broke off, in four parts."""
    if isinstance(error, PermissionError):
        return ConfigError(
            expected="a file that may be read",
            found="permission denied",
            where=str(path),
            remedy=f"let the pipeline's user read it: chmod o+r {path.name}",
        )
    if isinstance(error, FileNotFoundError):
        return TransientError(
            expected="files that stay while they are read",
            found="a file that was there a moment ago and is gone",
            where=str(path),
            remedy=(
                "run the night again; write files under another name and rename them when they are"
                " whole"
            ),
        )
    return SchemaError(
        expected=_READ,
        found=f"a damaged file ({str(error).splitlines()[0][:120]})",
        where=str(path),
        remedy="deliver the file again: it broke off while it was written or copied",
    )


def _remedy_of(words: str) -> str:
    """What to do about a file of another format."""
    export = "export the table as Parquet or as CSV in UTF-8, and name that file under `source`"
    if not words.startswith("text in"):
        return export
    name = words.removeprefix("text in ").removesuffix(" without its mark")
    return f"write `source.encoding: {name.lower().replace(' ', '-')}`, or {export}"


def _other_format(path: Path, words: str) -> SchemaError:
    return SchemaError(
        expected=_READ,
        found=words,
        where=str(path),
        remedy=_remedy_of(words),
    )
