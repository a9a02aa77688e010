"""Events, objectives, repeats, windows and bounds of the data checks, proposed from the facts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow.compute as pc

from recsys_tasks.commands.init.behaviour import Behaviour, Kinds
from recsys_tasks.commands.init.columns import Column
from recsys_tasks.commands.init.names import fits, takes_back
from recsys_tasks.commands.init.proposal import Confidence, Proposal
from recsys_tasks.commands.init.roles import Entities, Roles
from recsys_tasks.commands.init.statuses import add_status
from recsys_tasks.commands.init.times import add_times

_ALLOW, _FORBID = 0.02, 0.001
"""Shares of repeated pairs above which repeats are this shop's habit, and up to which they are
not.
"""
_VOLUME = (0.2, 5.0)
_CALLED = 0.9
"""How well a name must fit for a column to be called by its role."""
_FEW = 0.01
"""Share of rows without a readable time up to which a bound accepts them; more are to stop."""
_SLACK = 2.0
"""How much further than ever seen a value may lie before a night stops."""
_UNKNOWN = {
    "max_unknown_item_share": "rows are of items that the items table lacks",
    "max_unknown_user_share": "rows are of users that the users table lacks",
}
_WINDOW_DAYS, _HISTORY_DAYS, _ACTIVE_DAYS = 7, 14, 365
"""The defaults of `label_window_days`, `min_history_days` and `activity.within_days`."""


def add_events(proposal: Proposal, roles: Roles, kinds: Kinds, now: datetime) -> None:
    """The events' columns and kinds."""
    distinct = {
        name: f"{roles.columns[name].distinct:,} different values" for name in roles.columns
    }
    sure: Confidence = "sure" if roles.by_names else "a guess"
    other = (
        "" if roles.by_names else "; no name says so: is it the other of the two columns of ids?"
    )
    for column, name in (("user_column", roles.user), ("item_column", roles.item)):
        proposal.add(f"events.{column}", name, sure, f"{distinct[name]}{other}")
    add_times(proposal, roles.columns[roles.time], roles.reading, roles.clock, now)
    _add_kinds(proposal, roles, kinds)
    used = [roles.user, roles.item, roles.time, roles.clock, kinds.column]
    for role in ("price", "quantity"):
        _add_amount(proposal, roles, role, used)
    _say_unread_amount(proposal, roles, "rating", used)
    used += add_status(proposal, roles, used)
    _add_rating(proposal, roles, kinds, used)
    _add_negatives(proposal, roles, kinds)
    _say_unread(proposal, roles, used)


def _add_kinds(proposal: Proposal, roles: Roles, kinds: Kinds) -> None:
    counts = roles.columns[kinds.column].counts if kinds.column else {}
    words = ", ".join(f"{kind} {rows:,}" for kind, rows in counts.items())
    if kinds.column is None:
        words = "no column tells kinds apart: every row is of this one"
    proposal.add("events.event_column", kinds.column, "likely", words)
    entries = [{"name": kind, "weight": _plain(w)} for kind, w in kinds.weights.items()]
    words = "weights by what the kinds are called" if kinds.known else "what it is called is yours"
    if kinds.column and not kinds.known:
        words = "no name says what they weigh: how much does one count beside the others?"
    sure: Confidence = "likely" if kinds.known or kinds.column is None else "a guess"
    proposal.add("events.kinds", entries, sure, words)


def _plain(number: float) -> float | int:
    return int(number) if number == int(number) else number


def _add_amount(proposal: Proposal, roles: Roles, role: str, used: list[str | None]) -> None:
    named = [
        (fits(name, role), -place, name)
        for place, (name, column) in enumerate(roles.columns.items())
        if name not in used and column.is_numeric and fits(name, role)
    ]
    if not named:
        _say_unread_amount(proposal, roles, role, used)
        return
    name = max(named)[2]
    used.append(name)
    numbers = roles.columns[name].numbers
    known = numbers[np.isfinite(numbers)]
    negative = float((known < 0).mean())
    if negative > 0.01 and role == "price":
        proposal.left_out.append(
            f"events, {name}: {negative:.1%} are negative, as returns are: leave such rows out of"
            " the delivery, or make them a kind of event of their own"
        )
        return
    spread = f"numbers from {known.min():g} to {known.max():g}"
    proposal.add(f"events.{role}_column", name, "likely", spread)


def _say_unread_amount(
    proposal: Proposal, roles: Roles, role: str, used: Sequence[str | None]
) -> None:
    """Name a column that is called a price or a quantity and does not hold numbers."""
    for name, column in roles.columns.items():
        if name in used or fits(name, role) < _CALLED:
            continue
        odd = column.no_number
        if odd is not None and any(sign.isdigit() for sign in odd):
            proposal.left_out.append(
                f"events, {name}: it is called a {role}, and {odd[:40]!r} is no number; deliver"
                " numbers alone, without a currency or a unit"
            )


def _say_unread(proposal: Proposal, roles: Roles, used: Sequence[str | None]) -> None:
    """Name the columns that nothing reads, and those whose words take rows back."""
    rating = proposal.as_mapping()["events"].get("rating", {}).get("column")
    said = {words.partition(": ")[0] for words in proposal.left_out}
    for name, column in roles.columns.items():
        if name in used or name == rating or f"events, {name}" in said:
            continue
        back = [word for word in column.counts if takes_back(word)] if column.distinct < 20 else []
        words = f"events, {name}: no setting reads it"
        if back:
            rows = sum(column.counts[word] for word in back)
            words += (
                f"; {rows:,} rows say {back[0]!r}, and count as the others do: leave them out of"
                " the delivery, or deliver them as a kind of event of their own (events.negatives)"
            )
        proposal.left_out.append(words)


def _add_rating(proposal: Proposal, roles: Roles, kinds: Kinds, used: Sequence[str | None]) -> None:
    """The column of ratings, where every row has one and is of one kind."""
    named = [
        name
        for name, column in roles.columns.items()
        if name not in used and column.is_numeric and fits(name, "rating") and not column.missing
    ]
    if kinds.column is not None or not named:
        return
    low, high = (float(f(roles.columns[named[0]].numbers)) for f in (np.min, np.max))
    if not low < high <= 100:  # no scale that people are asked on
        return
    level = {"at_least": _plain(min(low, 0.0)), "event": next(iter(kinds.weights))}
    words = (
        f"numbers from {low:g} to {high:g}; every row counts, whatever was given: from which rating"
        " on is an item liked? write that as at_least"
    )
    proposal.add("events.rating", {"column": named[0], "levels": [level]}, "a guess", words)


def _add_negatives(proposal: Proposal, roles: Roles, kinds: Kinds) -> None:
    """Kinds that are negative by their name, and rows of negative quantity."""
    found: list[dict[str, Any]] = [
        {"name": kind, "takes_back": what} for kind, what in kinds.negatives.items()
    ]
    words = ["by what these kinds are called"] if found else []
    chosen = {setting.key: setting.value for setting in proposal.settings}
    if (name := chosen.get("events.quantity_column")) is not None:
        numbers = roles.columns[name].numbers
        share = float((numbers[np.isfinite(numbers)] < 0).mean())
        if share > 0:
            returned = "return" if "return" not in kinds.negatives else "sent back"
            entry = {"name": returned, "rows": "negative_quantity", "takes_back": "units"}
            found.append(entry)
            words.append(f"{share:.1%} of {name} are negative, as returns are")
    if found:
        proposal.add("events.negatives", found, "likely", "; ".join(words))


def add_goals(proposal: Proposal, kinds: Kinds, facts: Behaviour) -> None:
    """Objectives, repeats, windows, and who gets a list of their own."""
    strongest = max(kinds.weights.values())
    best = [kind for kind, weight in kinds.weights.items() if weight == strongest]
    others = [kind for kind in kinds.weights if kind not in best]
    objectives: list[dict[str, Any]] = [{"name": "success", "events": best}]
    if others:
        objectives[0]["weight"] = 2
        objectives.append({"name": "engage", "events": others})
    words = "the kinds of most weight are what lists are for"
    proposal.add("objectives", objectives, "likely" if kinds.known else "a guess", words)
    _add_repeats(proposal, facts)
    add_windows(proposal, facts)


def _add_repeats(proposal: Proposal, facts: Behaviour) -> None:
    again = f"{facts.repeats:.2%} of user-item pairs come back on another day"
    if facts.repeats > _ALLOW:
        proposal.add("repeat_consumption", "allow", "likely", again)
    elif facts.repeats <= _FORBID:
        proposal.add("repeat_consumption", "forbid", "likely", again)
    else:
        words = f"{again}: may a list show what the user already had? allow or forbid"
        proposal.add("repeat_consumption", "forbid", "a guess", words)


def add_windows(proposal: Proposal, facts: Behaviour) -> None:
    """Days of events that are labels and that are history, and who gets a list of their own."""
    number = facts.days.number
    needed = _HISTORY_DAYS + 2 * _WINDOW_DAYS
    if number < needed:
        window = max(1, number // 6)
        words = f"there are {number} days of events: rankers need two windows and days before"
        proposal.add("label_window_days", window, "likely", words)
        proposal.add("min_history_days", max(1, number - 3 * window), "likely", words)
    else:
        words = f"the usual week; there are {number} days of events"
        proposal.add("label_window_days", _WINDOW_DAYS, "likely", words)
    days = min(max(_ACTIVE_DAYS, facts.within_days), number + _ACTIVE_DAYS)
    words = f"nine of ten users did something in the last {facts.within_days} days"
    active = {"min_events": 1, "within_days": days}
    proposal.add("activity", active, "likely", words)


def add_checks(proposal: Proposal, facts: Behaviour, unknown: Mapping[str, float]) -> None:
    """Bounds that tonight's data is known to be outside of, and no others.

    `unknown`: shares of rows whose ids a table lacks, by the name of the bound.
    """
    days = facts.days
    gaps = days.empty_days - len(days.closed) * (56 // 7)
    if days.closed:
        words = "no event on such a day in the last 56 days"
        proposal.add("validation.closed_days", list(days.closed), "likely", words)
    if gaps > 0:
        words = f"{days.empty_days} of the last 56 days are without an event"
        proposal.add("validation.allow_empty_days", True, "likely", words)
    low, high = min(_VOLUME[0], days.volume[0] / _SLACK), max(_VOLUME[1], days.volume[1] * _SLACK)
    if (low, high) != _VOLUME:
        words = f"a day's rows were {days.volume[0]:.2g} to {days.volume[1]:.3g} of the usual"
        bounds = [_rounded(low, math.floor), _rounded(high, math.ceil)]
        proposal.add("validation.volume_ratio", bounds, "likely", words)
    shares = {
        "max_duplicate_share": (facts.duplicates, 0.05, "rows are there twice"),
        "max_null_share": (facts.undated / max(1, facts.rows), 0.0, "rows have no readable time"),
        **{name: (share, 0.05, _UNKNOWN[name]) for name, share in unknown.items()},
    }
    for name, (share, usual, what) in shares.items():
        if share > usual and (name != "max_null_share" or share <= _FEW):
            bound = min(1.0, _rounded(share * 1.2, math.ceil))
            words = f"{share:.1%} of {what}: is that right? a night accepts it with this bound"
            proposal.add(f"validation.{name}", bound, "a guess", words)


def unknown_share(ids: Column, entities: Entities) -> float:
    """Share of rows whose id the table of entities lacks."""
    known = pc.unique(entities.columns[entities.id_column].text.drop_null())
    there = ids.text.drop_null()
    return 1.0 - float(pc.mean(pc.is_in(there, value_set=known)).as_py() or 0.0)


def _rounded(number: float, way: Callable[[float], int]) -> float:
    """Two digits that count, rounded up or down."""
    scale = 10.0 ** (math.floor(math.log10(number)) - 1)
    return float(f"{way(number / scale) * scale:.6g}")
