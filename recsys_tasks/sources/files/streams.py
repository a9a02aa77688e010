"""How the shop writes its CSV files, and their bytes, compressed or not."""

from __future__ import annotations

import bz2
import gzip
import io
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Literal, cast

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
        if self.delimiter == "," and re.search(r"\.tsv(\.(gz|bz2|zstd?))?$", path.name.lower()):
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
    packed = packing_of(path)
    return file if packed is None else pa.CompressedInputStream(file, packed)


Packing = Literal["gzip", "bz2", "zstd"]
_PACKED: tuple[tuple[Packing, re.Pattern[bytes]], ...] = (
    ("gzip", re.compile(rb"\x1f\x8b")),
    ("zstd", re.compile(rb"\x28\xb5\x2f\xfd")),
    ("bz2", re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)")),  # a block, or none; no header of CSV
)


def packing_of(path: Path) -> Packing | None:
    """How a file is compressed, by its first bytes: its name does not count. None: not at all."""
    with path.open("rb") as file:
        start = file.read(10)
    return next((name for name, sign in _PACKED if sign.match(start)), None)


def open_bytes(path: Path) -> IO[bytes]:
    """A file's bytes, unpacked."""
    packed = packing_of(path)
    if packed == "gzip":
        return cast(IO[bytes], gzip.open(path))
    if packed == "bz2":
        return cast(IO[bytes], bz2.open(path))
    if packed == "zstd":
        return io.BufferedReader(pa.CompressedInputStream(pa.OSFile(str(path)), packed))
    return path.open("rb")
