"""Random deliveries, sound and damaged, are read as a slow reader reads them, or are refused.

`make fuzz` tries new ones for minutes.
"""

from __future__ import annotations

import pytest

from tests.sources.fuzz.examples import run


@pytest.mark.parametrize(("name", "examples"), [("sound", 10), ("damaged", 10), ("night", 2)])
def test_random_deliveries_are_read_exactly_or_refused(name: str, examples: int) -> None:
    assert run(name, number=1, examples=examples, shrink=False) >= examples
