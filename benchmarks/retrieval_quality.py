"""Recall by seconds of training: our tower beside stock TFRS, ALS and BPR, on the same events and judged users."""

from __future__ import annotations

from benchmarks import report


def measure() -> list[report.Row]:
    """Every figure of this part."""
    return []
