"""A reader that ended early never reads on in a file that was opened after it."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path

import pyarrow.csv as pa_csv
import pytest

from recsys_tasks.sources.files.streams import BLOCKS, open_arrow


@pytest.mark.parametrize("packed", [False, True])
def test_a_probe_leaves_the_next_file_alone(tmp_path: Path, packed: bool) -> None:
    """Arrow reads ahead in threads of its own: one that was late took a block of the file that had
    the same number by then, and its rows were gone.
    """
    path = tmp_path / "items.csv"
    text = b"item_id,title\n" + b"".join(b"%d,Item number %d\n" % (n, n) for n in range(800_000))
    path.write_bytes(gzip.compress(text, 1) if packed else text)
    read = pa_csv.ReadOptions(block_size=BLOCKS[0])
    moved = 0
    for _ in range(150):
        with open_arrow(path) as file, pa_csv.open_csv(file, read_options=read) as probe:
            assert probe.schema.names == ["item_id", "title"]
        after = os.open(path, os.O_RDONLY)
        time.sleep(0.003)
        moved += os.lseek(after, 0, os.SEEK_CUR) != 0
        os.close(after)
    assert not moved
