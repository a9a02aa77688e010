"""Examples of the fuzzer: a delivery is written into a folder, read, and judged."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from tests.sources.fuzz.deliveries import deliveries
from tests.sources.fuzz.judge import judge_sound
from tests.sources.fuzz.judge_damage import judge_damaged
from tests.sources.fuzz.nights import judge_night, nights
from tests.sources.fuzz.shapes import Delivery
from tests.sources.fuzz.writing import write


def try_sound(delivery: Delivery) -> None:
    """A delivery without damage."""
    with tempfile.TemporaryDirectory() as folder:
        write(delivery, Path(folder))
        judge_sound(delivery, Path(folder))


def try_damaged(delivery: Delivery) -> None:
    """A delivery of which one part is damaged."""
    with tempfile.TemporaryDirectory() as folder:
        written = write(delivery, Path(folder))
        judge_damaged(delivery, Path(folder), written)


def try_night(delivery: Delivery) -> None:
    """A whole night."""
    with tempfile.TemporaryDirectory() as folder:
        write(delivery, Path(folder))
        judge_night(delivery, Path(folder))


PROPERTIES: dict[str, tuple[Callable[[Delivery], None], SearchStrategy[Delivery]]] = {
    "sound": (try_sound, deliveries()),
    "damaged": (try_damaged, deliveries(damaged=True)),
    "night": (try_night, nights()),
}
"""Each by name: what tries a delivery, and how deliveries are drawn."""


def run(name: str, number: int, examples: int, shrink: bool) -> int:
    """Try this many deliveries, drawn by a seed; the number that was tried. Raises what fails;
    `shrink`: of the smallest such delivery that is found, which may take minutes.
    """
    tried, drawn = PROPERTIES[name]
    count = 0

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
    )
    @given(drawn)
    def once(delivery: Delivery) -> None:
        nonlocal count
        count += 1
        tried(delivery)

    once()
    return count
