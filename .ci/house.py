"""House rules that no off-the-shelf linter knows; `make lint` runs this file.

Any finding fails.
"""

from __future__ import annotations

import sys

from house_dead import dead
from house_rules import ROOT, Finding, findings


def every_finding() -> list[Finding]:
    """What the rules and vulture find."""
    return [*findings(), *(Finding(path, at, "dead-name", name) for path, at, name in dead(ROOT))]


def main() -> int:
    """Print every finding; the exit status says whether there is one."""
    found = every_finding()
    for one in found:
        print(one)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
