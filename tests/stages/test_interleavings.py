"""`make interleavings`, a short one; and that its model sees what it is there for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stages.interleavings.__main__ import interleave
from tests.stages.interleavings.model import Given

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_random_interleavings_leave_keys_releases_and_publications_right(tmp_path: Path) -> None:
    found = interleave(tmp_path / "run", count=6, seed=2)
    assert found["faults"] == [] and found["rounds"] == 6
    assert sum(n for name, n in found.items() if name.endswith(": ok")) >= 6


def test_the_model_sees_a_key_that_changes_its_user_and_a_user_who_changes_keys() -> None:
    given, gone = Given("users"), {"bob"}
    assert list(given.learn(0, "ann", "the map", gone)) == []
    assert list(given.learn(1, "bob", "the map", gone)) == []
    assert list(given.learn(0, "", "the map", gone)) == []  # erased there
    assert list(given.learn(0, "cas", "a snapshot", gone)) == [
        "users key 0 was ann, is cas in a snapshot"
    ]
    assert list(given.learn(2, "ann", "a snapshot", gone)) == [
        "users ann has key 2 in a snapshot, had 0"
    ]
    assert list(given.learn(3, "bob", "a snapshot", gone)) == []  # erased, and back
