"""The serving schema's fixtures: what watches nights is tried on real publications."""

from __future__ import annotations

from tests.serving.conftest import empty, reader, writer

__all__ = ["empty", "reader", "writer"]
