"""Many nights of a simulated shop, some of which break by chance, and what became of them."""

from __future__ import annotations

from recsys_tasks.commands.soak.nights import SoakNight, soak
from recsys_tasks.commands.soak.verdict import verdict

__all__ = ["SoakNight", "soak", "verdict"]
