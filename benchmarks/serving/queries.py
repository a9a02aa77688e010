"""The queries of docs/how-to/cookbook.md: for the test that runs them and the benchmark that times
them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

COOKBOOK = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "cookbook.md"


@dataclass(frozen=True)
class Query:
    title: str
    sql: str
    export: bool = False
    """Whether it is one of `## Exports`: a row or more for each of many users."""


def queries(
    user: str = "u1", item: str = "i2", as_of: str = "2026-03-02", segment: str = "nl"
) -> list[Query]:
    """Every ```sql block under its heading, with the cookbook's user, item, date and segment
    replaced.
    """
    found = []
    text = COOKBOOK.read_text()
    exports = text.index("\n## Exports\n")
    for heading in re.finditer(r"^### (.*\n(?:(?!###? ).*\n?)*)", text, flags=re.M):
        section = heading.group(1)
        title = section.split("\n", 1)[0]
        for block in re.findall(r"^```sql\n(.*?)^```$", section, flags=re.M | re.S):
            changed = (
                block.replace("'u1'", _quoted(user))
                .replace("'i2'", _quoted(item))
                .replace("'2026-03-02'", _quoted(as_of))
                .replace("'nl'", _quoted(segment))
            )
            found.append(Query(title, changed.strip().rstrip(";"), heading.start() > exports))
    return found


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
