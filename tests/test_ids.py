from __future__ import annotations

from pathlib import Path

import pytest

from recsys_tasks.errors import DataError
from recsys_tasks.ids import extend_ids, read_ids
from recsys_tasks.lake import Lake


def test_keys_are_never_moved_or_reused(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    first = extend_ids(lake, "items", ["b", "a"])
    assert first.ids == ("a", "b")  # new ids in sorted order
    second = extend_ids(lake, "items", ["0", "b"])
    assert second.ids == ("a", "b", "0")  # "0" sorts first but comes last: old keys stay
    assert second.keys(["b", "0", "gone"]).tolist() == [1, 2, -1]
    assert extend_ids(lake, "items", ["a"]) == read_ids(lake, "items") == second


def test_ids_are_text_and_round_trip(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    odd = ["007", "7", 'say "hi", twice', "mug ☕", "x" * 256]
    kept = extend_ids(lake, "users", odd)
    assert [kept.ids[key] for key in kept.keys(odd)] == odd
    assert len(set(kept.keys(["007", "7"]).tolist())) == 2


@pytest.mark.parametrize("bad", ["", "é" * 129])  # 129 two-byte letters are 258 bytes
def test_empty_and_long_ids_are_refused(tmp_path: Path, bad: str) -> None:
    with pytest.raises(DataError, match="1 to 256 bytes"):
        extend_ids(Lake(tmp_path), "users", ["fine", bad])
    assert len(read_ids(Lake(tmp_path), "users")) == 0
