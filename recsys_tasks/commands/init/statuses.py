"""The column that says which rows count, where one does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from recsys_tasks.commands.init.proposal import Proposal
from recsys_tasks.commands.init.roles import Roles
from recsys_tasks.sources.columns import TRUE_WORDS
from recsys_tasks.sources.noticed.undeclared import is_void, tells

_MOST_STATES: Final = 30


def add_status(proposal: Proposal, roles: Roles, used: Sequence[str | None]) -> list[str]:
    """Propose a column of states some of which say that nothing was bought: rows of these are left
    out. The column, where there is one.
    """
    for name, column in roles.columns.items():
        if name in used or not tells("events", name) or not 1 < column.distinct <= _MOST_STATES:
            continue
        flagged = column.is_flag and is_void(name)
        gone = [
            value
            for value in column.counts
            if (value.strip().lower() in TRUE_WORDS if flagged else is_void(value))
        ]
        counts = [value for value in column.counts if value not in gone]
        if not gone or not counts:
            continue
        setting: dict[str, Any] = {"column": name, "counts": counts, "left_out": gone}
        setting |= {"missing": "counts"} if column.missing else {}
        rows = ", ".join(f"{value!r} {number:,}" for value, number in column.counts.items())
        words = (
            f"{rows}: which are events, and which are left out? a value may also be an event of its"
            " own, as a return is (as_events)"
        )
        proposal.add("events.status", setting, "a guess", words)
        return [name]
    return []
