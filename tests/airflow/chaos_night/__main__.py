"""Run groups of faults, a good night after each, and print what became of every one.

make chaos-night CHAOS_GROUPS="errors deliveries" CHAOS_WAIT=3
"""

from __future__ import annotations

import argparse
import time
import traceback
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from tests.airflow.chaos_night.cases import GROUPS, good_night
from tests.airflow.chaos_night.leaks import nothing_leaked
from tests.airflow.chaos_night.outcome import Outcome
from tests.airflow.chaos_night.stand import NightStand, open_stand

_CHANNELS = ("webhook", "slack", "pagerduty", "email")
_HEAD = f"| fault | became | s | {' / '.join(_CHANNELS)} | wrong |\n|---|---|---|---|---|"


def line(outcome: Outcome) -> str:
    """A row of the table."""
    messages = " / ".join(str(outcome.messages.get(name, 0)) for name in _CHANNELS)
    became = "FAILED" if outcome.wrong else outcome.became
    seconds = f"{outcome.seconds:.0f}"
    return f"| {outcome.case} | {became} | {seconds} | {messages} | {outcome.wrong} |"


def play(stand: NightStand, names: Sequence[str], table: Path) -> bool:
    """Every group, each with a good night after it; whether all was right. Rows are written as they
    come.
    """
    right = True
    with table.open("w") as file:
        print(_HEAD, file=file, flush=True)
        groups = (found for name in names for found in _group(stand, name))
        for outcome in chain(groups, [nothing_leaked(stand)]):
            right = right and not outcome.wrong
            print(line(outcome), file=file, flush=True)
            print(line(outcome), flush=True)
    return right


def _group(stand: NightStand, name: str) -> Iterator[Outcome]:
    began = time.monotonic()
    try:
        yield from GROUPS[name](stand)
        left = good_night(stand)
    except Exception:
        left = [traceback.format_exc(limit=3).replace("\n", " ")[-1500:]]
    took = time.monotonic() - began
    yield Outcome(f"a good night after: {name}", "published", took, {}, "; ".join(left))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("groups", nargs="*", help=f"default: all of {', '.join(GROUPS)}")
    parser.add_argument("--table", type=Path, default=Path("build/chaos-night.md"))
    parser.add_argument("--stand", type=Path, help="folder of a stand that was left mounted")
    options = parser.parse_args()
    if unknown := set(options.groups) - set(GROUPS):
        parser.error(f"no groups: {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    options.table.parent.mkdir(parents=True, exist_ok=True)
    with open_stand(options.stand) as stand:
        raise SystemExit(not play(stand, options.groups or list(GROUPS), options.table))
