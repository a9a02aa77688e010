"""Counting the steps of long work."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from recsys_tasks.progress import Progress, Step, watching


def seconds(*times: float) -> Iterator[float]:
    yield from times


def test_a_line_in_ten_seconds_and_a_last_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "recsys_tasks")
    clock = seconds(0.0, 4.0, 10.0, 15.0, 20.0)
    done = Progress("lists", 400, "users", clock=lambda: next(clock))
    for _ in range(4):
        done.advance(100)
    assert caplog.messages == [
        "lists: 200 of 400 users, 20 a second, about 10 s left",
        "lists: 400 of 400 users, 20 a second, 20.0 s",
    ]


def test_who_watches_sees_each_step_while_watching() -> None:
    seen: list[Step] = []
    done = Progress("passes", 3, "passes")
    done.advance()
    with watching(seen.append):
        done.advance(note="loss 0.5")
    done.advance()
    assert seen == [Step("passes", 2, 3)]
