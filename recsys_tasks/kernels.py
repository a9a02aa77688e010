"""Functions over arrays, compiled for this machine's processor; the machine code is kept beside the
sources.

A kernel holds no lock of the interpreter: threads run several at once. It works one user after
another in a fixed order, so its results depend neither on threads nor on who else is in the block.
"""

from __future__ import annotations

import ctypes
import hashlib
import mmap
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

CACHE_LINE = 16
"""Numbers of four bytes in a line of the processor's cache."""
_PACKAGE = Path(__file__).parent
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_KEPT_BYTES, _LARGEST_KEPT = 128 << 20, 32 << 20
"""A block's arrays take some 40 MB; 32 MB is the most that glibc takes from its heap."""


def machine_code_folder() -> Path:
    """Where Numba keeps the machine code of exactly these sources.

    Numba looks only at the file of the outermost function, so a change in a function that it calls
    would not be seen: each version of the sources has a folder of its own.
    """
    version = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        source = path.read_bytes()
        if b"kernel" in source:
            version.update(source)
    known = Path(os.environ.get("NUMBA_CACHE_DIR") or _PACKAGE / "__pycache__")
    parent = (
        known
        if os.access(known.parent, os.W_OK)
        else Path(tempfile.gettempdir()) / f"nightshelf-{os.getuid()}"
    )
    return parent / f"kernels-{version.hexdigest()[:12]}"


def remove_old_machine_code() -> None:
    """Remove the machine code of other versions of the sources: the weekly sweep's to ask.

    A process that still runs one of them has loaded its own, or compiles it again.
    """
    mine = machine_code_folder()
    for other in mine.parent.glob("kernels-*"):
        if other != mine:
            shutil.rmtree(other, ignore_errors=True)


numba.config.CACHE_DIR = str(machine_code_folder())
Numbers = npt.NDArray[np.float32]
_ONE, _TWO, _THREE, _FOUR, _EIGHT = map(np.uintp, (1, 2, 3, 4, 8))
P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile on first use; NaN and division by zero follow IEEE 754, as in NumPy."""
    return cast(Callable[P, R], numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def sums(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that sums: the processor may add several terms at once, always the same
    ones.
    """
    return cast(
        Callable[P, R],
        numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})(function),
    )


@sums
def dot(a: npt.NDArray[np.float32], i: int, b: npt.NDArray[np.float32], j: int) -> np.float32:
    """Inner product of row i of `a [n, d]` and row j of `b [m, d]`."""
    total = np.float32(0.0)
    for at in range(a.shape[1]):
        total += a[i, at] * b[j, at]
    return total


class Flat(NamedTuple):
    """A matrix as one row after another: what `move` copies from and to."""

    values: Numbers
    rows: int
    width: int


class Span(NamedTuple):
    """Rows [start, stop) of a matrix."""

    start: int
    stop: int


@kernel
def cell(row: int | np.integer[Any], width: int, column: int) -> np.uintp:
    """Place of a cell of a matrix whose rows stand one after another, as `move` takes it."""
    return np.uintp(row) * np.uintp(width) + np.uintp(column)


@kernel
def move(source: Numbers, first: np.uintp, target: Numbers, to: np.uintp, width: int) -> None:
    """Copy `width` numbers, four or eight at once, the last of them twice where they do not come
    out even.

    A plain loop that short is mostly spent on finding out how to run it. Both are flat, and their
    places unsigned, which needs no test for counting from the end. `source [p]` and `target [q]`,
    of one dtype.
    """
    wide = np.uintp(width)
    if wide >= _EIGHT:
        done = np.uintp(0)
        while done + _EIGHT < wide:
            _move_eight(source, first + done, target, to + done)
            done += _EIGHT
        _move_eight(source, first + wide - _EIGHT, target, to + wide - _EIGHT)
    elif wide >= _FOUR:
        _move_four(source, first, target, to)
        _move_four(source, first + wide - _FOUR, target, to + wide - _FOUR)
    else:
        for at in range(width):
            target[to + np.uintp(at)] = source[first + np.uintp(at)]


@kernel
def _move_eight(source: Numbers, first: np.uintp, target: Numbers, to: np.uintp) -> None:
    a, b, c, d = source[first], source[first + _ONE], source[first + _TWO], source[first + _THREE]
    near, there = first + _FOUR, to + _FOUR
    e, f, g, h = source[near], source[near + _ONE], source[near + _TWO], source[near + _THREE]
    target[to], target[to + _ONE], target[to + _TWO], target[to + _THREE] = a, b, c, d
    target[there], target[there + _ONE], target[there + _TWO], target[there + _THREE] = e, f, g, h


@kernel
def _move_four(source: Numbers, first: np.uintp, target: Numbers, to: np.uintp) -> None:
    a, b = source[first], source[first + _ONE]
    c, d = source[first + _TWO], source[first + _THREE]
    target[to], target[to + _ONE], target[to + _TWO], target[to + _THREE] = a, b, c, d


def in_order(work: Callable[[T], R], parts: Iterable[T], threads: int) -> Iterator[R]:
    """`work` of each part, by some threads, in the parts' order; few results wait at a time.

    A matrix product inside uses the one thread that it runs on. The first exception ends it.
    """
    if threads == 1:
        yield from map(work, parts)
        return
    coming = iter(parts)
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Any]] = deque(
            pool.submit(work, part) for part in islice(coming, threads + 1)
        )
        try:
            while waiting:
                done = waiting.popleft().result()
                waiting.extend(pool.submit(work, part) for part in islice(coming, 1))
                yield done
        finally:
            for future in waiting:
                future.cancel()


def keep_freed_memory() -> None:
    """Let the allocator keep what a block's arrays leave behind, for those of the next block.

    glibc gives the heap's free end back to the system, or does not, as the arrays happen to lie: 13
    page faults a user. Other libraries of C are left as they are.
    """
    options = getattr(ctypes.CDLL(None), "mallopt", None)
    if options is not None:
        options(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        options(_M_MMAP_THRESHOLD, _LARGEST_KEPT)


def forget_pages(*arrays: npt.NDArray[Any]) -> None:
    """Give back the memory of what was read of memory-mapped arrays; the next read maps it again.

    Without it, a process that looks up a million users one after another ends up holding their
    whole tables. Arrays of any shape and dtype; one in memory, `[n]` or more, is left as it is.
    """
    for array in arrays:
        mapped = getattr(array, "_mmap", None) if isinstance(array, np.memmap) else None
        if mapped is not None:
            mapped.madvise(mmap.MADV_DONTNEED)
