"""How the shop writes its CSV files, and their bytes, gzipped or not."""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass
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
    """Separator, encoding and words for a missing value of the shop's CSV files."""

    delimiter: str = ","
    encoding: str = "utf-8"
    null_words: tuple[str, ...] = ()


def open_arrow(path: Path) -> pa.NativeFile:
    """A file's text for Arrow's readers."""
    return pa.input_stream(str(path), compression="gzip" if is_gzip(path) else None)


def is_gzip(path: Path) -> bool:
    """Whether a file is gzipped, by its first bytes: its name does not count."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def open_bytes(path: Path) -> gzip.GzipFile | io.BufferedReader:
    """A file's bytes, unpacked."""
    return gzip.open(path) if is_gzip(path) else path.open("rb")
