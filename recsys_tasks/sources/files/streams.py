"""How the shop writes its CSV files, and their bytes, gzipped or not."""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

BLOCKS = (1 << 20, 1 << 26, (1 << 31) - 1)
"""Sizes of the blocks that Arrow parses, in bytes, tried in this order: a row, a header or a text
must fit into one block.
"""
CHUNK = 1 << 22
"""Bytes read at once by what looks through a whole file."""


@dataclass(frozen=True)
class Dialect:
    """Separator, encoding, words for a missing value, signs of numbers and, where they have no
    header, names of the columns of the shop's CSV files.
    """

    delimiter: str = ","
    encoding: str = "utf-8"
    null_words: tuple[str, ...] = ()
    decimal: str = "."
    thousands: str = ""
    columns: tuple[str, ...] = ()

    def of(self, path: Path) -> Dialect:
        """How this file is written: one that says in its name that tabs separate it, by tabs."""
        if self.delimiter == "," and path.name.lower().endswith((".tsv", ".tsv.gz")):
            return replace(self, delimiter="\t")
        return self


def open_arrow(path: Path) -> pa.NativeFile:
    """A file's text for Arrow's readers.

    Read through a Python file: Arrow's threads read ahead, and may do so still when a reader has
    ended. A file of Arrow's own is a number to them, which the next file that is opened may have:
    a late read would take a block of that one, and its rows would be missing. A Python file that
    is closed refuses to be read.
    """
    file = pa.PythonFile(path.open("rb"), mode="r")
    return pa.CompressedInputStream(file, "gzip") if is_gzip(path) else file


def is_gzip(path: Path) -> bool:
    """Whether a file is gzipped, by its first bytes: its name does not count."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def open_bytes(path: Path) -> gzip.GzipFile | io.BufferedReader:
    """A file's bytes, unpacked."""
    return gzip.open(path) if is_gzip(path) else path.open("rb")
