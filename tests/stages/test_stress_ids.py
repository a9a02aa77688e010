"""`make stress-ids`, a short one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stages.stress_ids import stress


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_processes_on_one_home_lose_nobody(tmp_path: Path) -> None:
    found = stress(tmp_path / "shop", minutes=1.5, users=20_000)
    assert found["freezes"] >= 2 and found["crashed"] == 0
    for name in (
        "changed keys",
        "lost ids",
        "forks",
        "ids with two keys",
        "event rows of another user",
    ):
        assert found[name] == 0
