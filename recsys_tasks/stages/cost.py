"""What the process of a stage has cost: processor time and memory."""

from __future__ import annotations

import os
import resource
import sys


def cpu_seconds() -> float:
    """Seconds of processor time of this process and of its children that have ended, of all cores
    together.
    """
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def peak_bytes() -> int:
    """Most memory that this process, or one of its ended children, has held so far."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    largest = max(resource.getrusage(one).ru_maxrss for one in who)
    return largest if sys.platform == "darwin" else largest * 1024  # Linux counts in kilobytes
