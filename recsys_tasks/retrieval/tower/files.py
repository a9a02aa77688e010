"""Reads the .npz of a version, gigabytes where a catalogue is large, at the speed of the disk.

NumPy reads an array of an archive through the archive, a quarter of a megabyte at a time.
`np.savez` does not compress, so an array lies in the file as it would in one of its own, and is
read from there; its checksum is asked for all the same.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Collection, Generator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy

from recsys_tasks.arrays import Float32
from recsys_tasks.errors import ArtifactError
from recsys_tasks.retrieval.tower.weights import Arrays

# where a member's own header says how long its name is (PKWARE, APPNOTE.TXT 6.3, section 4.3.7)
_NAME_LENGTH = 26


def read_arrays(path: Path, without: Collection[str] = ()) -> Arrays:
    """Every array of an .npz by name, but those `without`. Raises ArtifactError where one is
    damaged.
    """
    arrays: Arrays = {}
    with closing(_members(path)) as members:
        for name, member, file in members:
            if name not in without:
                arrays[name] = _read(path, member, file)
    return arrays


def mapped_rows(path: Path, name: str) -> Float32:
    """One array `[m, d] float32` of an .npz, memory-mapped: read where it is touched, there though
    the file may go.
    """
    with closing(_members(path)) as members:
        file = next(file for found, _, file in members if found == name)
        shape = _shape_of(file)
        rows: Float32 = np.memmap(path, np.float32, "r", file.tell(), shape)
        return rows


def _members(path: Path) -> Generator[tuple[str, zipfile.ZipInfo, BinaryIO]]:
    """Names of the arrays, what the archive says of each, and the file at where it begins."""
    with path.open("rb") as file:
        try:
            members = zipfile.ZipFile(file).infolist()
        except zipfile.BadZipFile as error:
            raise _damaged(
                path, str(error), "a file that np.savez has written to its end"
            ) from error
        for member in members:
            if member.compress_type != zipfile.ZIP_STORED:
                raise _damaged(
                    path, f"{member.filename} is compressed", "arrays as np.savez writes them"
                )
            file.seek(member.header_offset + _NAME_LENGTH)
            file.seek(
                sum(struct.unpack("<HH", file.read(4))), os.SEEK_CUR
            )  # past the name and what is said besides
            yield member.filename.removesuffix(".npy"), member, file


def _read(path: Path, member: zipfile.ZipInfo, file: BinaryIO) -> np.ndarray:
    start = file.tell()
    array = npy.read_array(file, allow_pickle=False)
    size = member.file_size - array.nbytes
    file.seek(start)
    checksum = zlib.crc32(array.reshape(-1).view(np.uint8).data, zlib.crc32(file.read(size)))
    if checksum != member.CRC:
        found = f"{member.filename} has {checksum:08x}: it has changed since it was written"
        raise _damaged(path, found, f"checksum {member.CRC:08x}")
    return array


def _shape_of(file: BinaryIO) -> tuple[int, ...]:
    """Shape of the float32 array that begins here; the file is then at its numbers."""
    npy.read_magic(file)
    shape, by_column, kind = npy.read_array_header_1_0(file)
    assert kind == np.float32 and not by_column, (kind, by_column)
    return shape


def _damaged(path: Path, found: str, expected: str) -> ArtifactError:
    remedy = (
        "delete this version's folder and run the night again: it goes on from the version before,"
        " or cold"
    )
    return ArtifactError(expected=expected, found=found, where=str(path), remedy=remedy)
