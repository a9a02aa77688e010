"""Is a file still what its manifest says? Asked once for a file and process.

Hashing takes about a second a gigabyte. What was found whole is remembered by inode, size and time
of change, so that a file that is put in another's place, or written again, is hashed again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_Stamp = tuple[int, int, int, int]
_whole: dict[_Stamp, str] = {}


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def damage(path: Path, facts: Mapping[str, Any]) -> str | None:
    """What is wrong with a file, in words; None when it is the one whose `bytes` and `sha256` these
    are.
    """
    try:
        stat = path.stat()
    except FileNotFoundError:
        return "not there"
    if stat.st_size != facts["bytes"]:
        return f"{stat.st_size:,} bytes instead of {facts['bytes']:,}"
    stamp = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
    if _whole.get(stamp) == facts["sha256"]:
        return None
    found = hash_file(path)
    if found != facts["sha256"]:
        return f"other bytes: sha256 {found} instead of {facts['sha256']}"
    _whole[stamp] = found
    return None
