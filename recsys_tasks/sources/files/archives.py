"""Files that hold data and are not read: archives, spreadsheets, databases; and what to do about
each.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_UNPACK: Final = "unpack it here, or deliver the file itself (alone, .gz, .bz2 and .zst are read)"
_SHEET: Final = "save each sheet as CSV in UTF-8, with columns of ids formatted as text"
_EXPORT: Final = "export the table as Parquet or as CSV in UTF-8"
_DATABASE: Final = "name it as source.url under source.kind: sql, or export its tables"
_KINDS: Final = (
    *((end, "an archive", _UNPACK) for end in (".zip", ".7z", ".rar", ".tar", ".tgz", ".tbz2")),
    *((f".tar.{end}", "an archive", _UNPACK) for end in ("gz", "bz2", "zst", "xz")),
    *((end, "a compressed file", _UNPACK) for end in (".xz", ".lz4", ".lzma", ".z", ".br")),
    *((end, "a spreadsheet", _SHEET) for end in (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")),
    *((end, "a database", _DATABASE) for end in (".sqlite", ".sqlite3", ".duckdb", ".db")),
    *((end, "a table", _EXPORT) for end in (".orc", ".avro", ".mdb", ".accdb", ".dbf", ".xml")),
    *((end, "a table", _EXPORT) for end in (".pkl", ".pickle", ".rds", ".rdata", ".sav", ".dta")),
    *((end, "a table", _EXPORT) for end in (".h5", ".hdf5", ".sas7bdat", ".npz", ".npy")),
    *((f"{name}.gz", "a packed file", _UNPACK) for name in (".parquet", ".arrow", ".feather")),
)
"""(end of a name, what such a file is, what to do about it)."""
_QUOTED: Final = 3


def archive_words(names: Iterable[str]) -> str:
    """Words on the files that hold data and are not read, with what to do; empty for none."""
    found: dict[tuple[str, str], list[str]] = {}
    for name in names:
        base = name.rpartition("/")[2]
        kind = next((kind for kind in _KINDS if base.lower().endswith(kind[0])), None)
        if kind is not None:
            found.setdefault(kind[1:], []).append(base)
    return "; ".join(_said(what, remedy, bases) for (what, remedy), bases in found.items())


def _said(what: str, remedy: str, bases: list[str]) -> str:
    quoted = ", ".join(repr(base[:80]) for base in bases[:_QUOTED])
    more = f" and {len(bases) - _QUOTED:,} more" if len(bases) > _QUOTED else ""
    return f"{quoted}{more}: {what}, which is not read: {remedy}"
