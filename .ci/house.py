"""House rules that no off-the-shelf linter knows; `make lint` runs this file.

    python .ci/house.py            findings above the baseline fail
    python .ci/house.py --all      every finding, those of the baseline too
    python .ci/house.py --shrink   write today's counts to the baseline, where they are lower

The baseline (`house-baseline.txt`) holds how many findings of each rule each room still has. A
rule's total may only shrink; an empty or missing baseline allows none.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from house_dead import dead
from house_rules import REMEDIES, ROOT, Finding, findings

BASELINE = Path(__file__).with_name("house-baseline.txt")


def every_finding() -> list[Finding]:
    """What the rules and vulture find."""
    return [*findings(), *(Finding(path, at, "dead-name", name) for path, at, name in dead(ROOT))]


def read_baseline() -> Counter[tuple[str, str]]:
    """Allowed findings by rule and room."""
    lines = BASELINE.read_text().splitlines() if BASELINE.exists() else []
    entries = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    return Counter({(rule, room): int(count) for rule, room, count in entries})


def write_baseline(counts: Counter[tuple[str, str]]) -> None:
    """Write counts, or remove the file where there are none."""
    lines = [f"{rule} {room} {n}" for (rule, room), n in sorted(counts.items()) if n]
    if lines:
        BASELINE.write_text("\n".join(["# rule room findings: may only shrink", *lines]) + "\n")
    else:
        BASELINE.unlink(missing_ok=True)


def main() -> int:
    """Print what is above the baseline; the exit status says whether something is."""
    parser = argparse.ArgumentParser(description="House rules of the code.")
    parser.add_argument("--all", action="store_true", help="print the baseline's findings too")
    parser.add_argument("--shrink", action="store_true", help="write lower counts to the baseline")
    options = parser.parse_args()
    found = every_finding()
    counts = Counter((one.rule, one.room) for one in found)
    allowed = read_baseline()
    over = [rule for rule in REMEDIES if _total(counts, rule) > _total(allowed, rule)]
    for one in found:
        above = one.rule in over and counts[one.rule, one.room] > allowed[one.rule, one.room]
        if options.all or above:
            print(one)
    if over:
        print(f"house: more findings than .ci/{BASELINE.name} allows of: {', '.join(over)}")
        return 1
    if options.shrink:
        write_baseline(counts)
    return 0


def _total(counts: Counter[tuple[str, str]], rule: str) -> int:
    return sum(count for (each, _), count in counts.items() if each == rule)


if __name__ == "__main__":
    sys.exit(main())
