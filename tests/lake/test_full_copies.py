"""A full disk of this machine is not told as a store that does not answer."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from upath import UPath

from recsys_tasks.lake.remote import reached


def test_a_full_disk_under_a_copy_is_told_as_such() -> None:
    with pytest.raises(OSError) as full, reached(UPath("memory://bucket/lake/a")):
        Path("/dev/full").write_bytes(b"x")
    assert full.value.errno == errno.ENOSPC
