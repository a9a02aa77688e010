"""What became of a fault, and how that is judged."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tests.airflow.chaos_night.stand import NightStand


@dataclass
class Outcome:
    """What became of a fault."""

    case: str
    became: str
    seconds: float = 0.0
    messages: dict[str, int] = field(default_factory=dict)
    wrong: str = ""
    """Empty: as it should be."""


def held(stand: NightStand, case: str, run: str | date, *named: str) -> Outcome:
    """Until the run of the first DAG (or any of a night) failed and was told: one page in each
    channel, with these words; readers kept their lists.
    """
    began, before = time.monotonic(), stand.reader.night
    stand.until_failed(run) if isinstance(run, str) else stand.until_any_failed(run)
    stand.until_paged()
    seconds = time.monotonic() - began
    stand.watch()
    page, messages = stand.pages[0], stand.messages
    wrong = [f"{name} had {n} pages" for name, n in messages.items() if n != 1]
    text = f"{page['kind']} {page['task']} {page['message']}"
    wrong += [f"{word!r} is not in the page: {text[:300]}" for word in named if word not in text]
    if str(stand.night) not in page["message"]:
        wrong.append("the page does not name the night")
    if "readers keep the lists of" not in page["reader_state"]:
        wrong.append(f"readers: {page['reader_state']}")
    wrong += _readers(stand, before)
    return Outcome(case, "held", seconds, messages, "; ".join(wrong))


def _readers(stand: NightStand, before: Any) -> list[str]:
    wrong = unread(stand)
    return wrong if stand.reader.night == before else [*wrong, "readers' lists changed"]


def unread(stand: NightStand) -> list[str]:
    """What readers were refused, in words; empty where they were always answered."""
    return [f"readers failed: {stand.reader.failures[:2]}"] if stand.reader.failures else []
