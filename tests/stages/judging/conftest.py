"""The registry's fixtures: what the gate says to on-call is tried on real releases."""

from __future__ import annotations

from tests.registry.conftest import registry, release_server, writer

__all__ = ["registry", "release_server", "writer"]
