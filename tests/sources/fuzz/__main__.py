"""Fuzzes deliveries of files for minutes, with new seeds.

make fuzz MINUTES=20
.venv/bin/python -m tests.sources.fuzz --property sound --seed 123
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from collections import Counter

from tests.sources.fuzz.examples import PROPERTIES, run

SHARES = {"sound": 100, "damaged": 100, "night": 6}
"""Examples of each round; a seed of a property is tried with as many."""


def main() -> int:
    """1 where a property failed; the seed is printed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--property", choices=list(PROPERTIES), help="only this one")
    parser.add_argument("--seed", type=int, help="only this seed, once; what fails is made small")
    given = parser.parse_args()
    names = [given.property] if given.property else list(PROPERTIES)
    until, failed, counts = time.time() + 60 * given.minutes, 0, Counter[str]()
    while time.time() < until:
        for name in names:
            seed = random.randrange(2**32) if given.seed is None else given.seed
            try:
                counts[name] += run(name, seed, SHARES[name], shrink=given.seed is not None)
            except Exception:
                failed += 1
                print(traceback.format_exc(), flush=True)
                again = f"python -m tests.sources.fuzz --property {name} --seed {seed}"
                print(f"FAILED; again: {again}", flush=True)
        print(f"examples: {dict(counts)}; failed rounds: {failed}", flush=True)
        if given.seed is not None:
            break
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
