"""Compiled functions, the threads that run them, and memory given back."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import numba
import numpy as np
import psutil
import pytest

from recsys_tasks import kernels
from recsys_tasks.kernels import cell, dot, forget_pages, in_order, move


@pytest.mark.parametrize("threads", [1, 4])
def test_results_come_in_the_order_of_the_parts(threads: int) -> None:
    def work(part: int) -> int:
        time.sleep(0.02 if part % 3 == 0 else 0)
        return part * part

    assert list(in_order(work, iter(range(20)), threads)) == [part * part for part in range(20)]
    assert list(in_order(work, [], threads)) == []


def test_few_parts_are_taken_before_their_turn() -> None:
    taken: list[int] = []

    def parts() -> Iterator[int]:
        for part in range(100):
            taken.append(part)
            yield part

    results = in_order(lambda part: part, parts(), 2)
    assert isinstance(results, Generator)
    assert next(results) == 0
    assert max(taken) <= 4
    results.close()


def test_the_first_exception_ends_it() -> None:
    seen, lock = [], threading.Lock()

    def work(part: int) -> int:
        with lock:
            seen.append(part)
        if part == 3:
            raise ValueError("part 3")
        return part

    with pytest.raises(ValueError, match="part 3"):
        list(in_order(work, range(1000), 2))
    assert len(seen) < 20


def test_dot_of_two_rows() -> None:
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert dot(a, 1, a, 0) == 3 * 0 + 4 * 1 + 5 * 2


@pytest.mark.parametrize(
    "width", [0, 1, 3, 4, 7, 8, 9, 16, 21]
)  # below, at and between four, eight and their double
def test_moved_numbers_and_nothing_else(width: int) -> None:
    rows = np.arange(60, dtype=np.float32).reshape(2, 30)
    target = np.full(90, -1, np.float32)
    # From row 1, column 2 (number 32) to row 2, column 5 of rows of 30 (place 65).
    move(rows.ravel(), cell(1, 30, 2), target, cell(2, 30, 5), width)
    assert target[65 : 65 + width].tolist() == list(range(32, 32 + width))
    assert (np.delete(target, slice(65, 65 + width)) == -1).all()


def test_forgotten_pages_are_read_again(tmp_path: Path) -> None:
    np.arange(8_000_000).tofile(tmp_path / "numbers")  # 64 MB
    numbers = np.memmap(tmp_path / "numbers", np.int64, "r")
    assert numbers.sum() == 8_000_000 * 7_999_999 // 2
    held = psutil.Process().memory_info().rss
    forget_pages(numbers, np.zeros(3))
    assert psutil.Process().memory_info().rss < held - 40e6
    assert numbers[7_999_999] == 7_999_999


def test_machine_code_is_kept_for_exactly_these_sources() -> None:
    folder = Path(numba.config.CACHE_DIR)
    assert folder.is_dir() and folder == kernels.machine_code_folder()


def test_machine_code_of_other_sources_goes_when_asked_and_not_by_an_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    mine, other = kernels.machine_code_folder(), tmp_path / "kernels-0123456789ab"
    mine.mkdir()
    other.mkdir()
    subprocess.run([sys.executable, "-c", "import recsys_tasks.kernels"], check=True)
    assert other.is_dir()
    kernels.remove_old_machine_code()
    assert mine.is_dir() and not other.exists()
