"""Examples a second of one training step: ours, the softmax's own products alone, and stock TFRS with Adam."""

from __future__ import annotations

from benchmarks import report


def measure() -> list[report.Row]:
    """Every figure of this part."""
    return []
