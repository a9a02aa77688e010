"""Slow, plain rules of negative events, one after another: what is left and what is banned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from recsys_tasks.clock import DAY_SECONDS

KINDS = ("view", "purchase")
SECONDS = tuple(d * DAY_SECONDS // 2 for d in range(1, 12))
"""Half days, so that events of one second, and the very end of a ban, are common."""


@dataclass(frozen=True)
class Happened:
    """A row: `what` is a kind, or the name of a negative one."""

    user: int
    item: int
    ts: int
    what: str
    units: int


def kinds_of(some: Sequence[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Settings of negative events from what was drawn."""
    return [
        {"name": f"no{n}", "takes_back": takes, "of": of, "for_days": days, "ended_by": ended_by}
        for n, (takes, of, days, ended_by) in enumerate(some)
    ]


def negative_kinds(kind: str = "view") -> st.SearchStrategy[list[dict[str, Any]]]:
    """Settings of some negative events; `kind` is a declared kind of event."""
    kinds = st.sampled_from([None, [kind], ["purchase"]])
    one = st.tuples(
        st.sampled_from(["all", "units", "newest", "nothing"]),
        kinds,
        st.sampled_from([None, 0, 1, 2]),
        st.sampled_from([None, [], [kind]]),
    ).filter(
        lambda drawn: (
            (drawn[0] != "nothing" or (drawn[1] is None and drawn[2] != 0))
            and (drawn[2] != 0 or drawn[3] is None)
        )
    )
    return st.lists(one, min_size=1, max_size=3).map(kinds_of)


def left_over(
    rows: Sequence[Happened], kinds: Sequence[dict[str, Any]], before: int
) -> list[Happened]:
    """Events before a second that none of the negative ones before it took back."""
    by_name = {kind["name"]: kind for kind in kinds}
    known = [row for row in rows if row.ts < before]
    units = {id(row): row.units for row in known if row.what in KINDS}
    turned = sorted((row for row in known if row.what in by_name), key=lambda row: row.ts)
    for away in turned:
        kind, due = by_name[away.what], away.units
        earlier = [
            row
            for row in known
            if id(row) in units
            and (row.user, row.item) == (away.user, away.item)
            and row.ts <= away.ts
            and (kind["of"] is None or row.what in kind["of"])
        ]
        # Of one second, events come in the order of kinds and then of quantities.
        earlier.sort(key=lambda row: (row.ts, KINDS.index(row.what), row.units), reverse=True)
        for row in earlier:
            if kind["takes_back"] == "all" or (kind["takes_back"] == "newest" and due):
                units.pop(id(row))
                due = 0
            elif kind["takes_back"] == "units" and due:
                taken = min(units[id(row)], due)
                units[id(row)], due = units[id(row)] - taken, due - taken
                if not units[id(row)]:
                    units.pop(id(row))
    return [row for row in known if id(row) in units]


def banned(
    rows: Sequence[Happened], kinds: Sequence[dict[str, Any]], before: int
) -> set[tuple[int, int]]:
    """Pairs that are in no list at a second; an objective counts purchases."""
    by_name, found = {kind["name"]: kind for kind in kinds}, set()
    left = left_over(rows, kinds, before)
    for away in rows:
        kind = by_name.get(away.what)
        if kind is None or away.ts >= before:
            continue
        days, enders = kind["for_days"], kind["ended_by"]
        over = days is not None and away.ts + days * DAY_SECONDS <= before
        ended = any(
            (row.user, row.item) == (away.user, away.item)
            and row.ts > away.ts
            and row.what in (["purchase"] if enders is None else enders)
            for row in left
        )
        if not over and not ended:
            found.add((away.user, away.item))
    return found
