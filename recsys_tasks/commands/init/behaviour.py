"""What the events say of the shop: kinds, repeats, days, volumes and how often users come back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from recsys_tasks.clock import DAY_SECONDS, day_of, start_of
from recsys_tasks.commands.init.columns import Column
from recsys_tasks.commands.init.names import fits, takes_back, weight_of, words_of
from recsys_tasks.commands.init.roles import Roles

_MOST_KINDS = 20
_WEEK = 7
_CERTAIN = 0.9
"""How well a name must fit for numbers to be codes of kinds."""
_WEEKS_BEFORE = 4
_LATELY = 56
"""Days over which volumes and closed days are looked at."""


@dataclass(frozen=True)
class Kinds:
    """Kinds of event."""

    column: str | None
    """The column that tells them; None: all rows are of one kind."""
    weights: Mapping[str, float]
    known: bool
    """Whether the names of all kinds say what they weigh."""
    negatives: Mapping[str, str] = field(default_factory=dict)
    """Kinds that are negative by their name, and what each takes back."""


@dataclass(frozen=True)
class Days:
    """Facts about the days of events."""

    first: date
    last: date
    """UTC days of the first event and of the last whole day of events."""
    cut_off: bool
    """Whether the delivery ends within a day, whose events are left out of all facts."""
    empty_days: int
    """Days without an event among the last 56."""
    closed: tuple[str, ...]
    """Weekdays without an event in the last 56 days."""
    volume: tuple[float, float]
    """Smallest and largest of a day's rows over the mean of the same weekday in four weeks before,
    in the last 56 days.
    """

    @property
    def number(self) -> int:
        """Days from the first to the last event."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True)
class Behaviour:
    """Facts about the events."""

    days: Days
    rows: int
    users: int
    items: int
    undated: int
    """Rows without a readable time."""
    repeats: float
    """Share of the user-item pairs that have events on two days or more."""
    duplicates: float
    """Share of rows that are equal to another in user, item, kind and second."""
    within_days: int
    """Days in which nine of ten users that ever came did something, counted from the last day."""


def kinds_of(roles: Roles) -> Kinds:
    """The events' kinds by the column whose name and values say so, else by one whose values alone
    do; else one kind by the table's name.
    """
    few = [
        (name, column)
        for name, column in roles.columns.items()
        if name not in (roles.time, roles.clock, roles.user, roles.item)
        and 0 < column.distinct <= _MOST_KINDS
        and not column.missing
    ]
    for name, column in few:
        if fits(name, "event") and not _counts(name, column):
            return _kinds(name, column)
    for name, column in few:
        if column.distinct > 1 and all(
            weight_of(kind) or takes_back(kind) for kind in column.counts
        ):
            return _kinds(name, column)
    rated = any("rating" in name.lower() for name in roles.columns)
    return Kinds(None, {"rating" if rated else _kind_by_table(roles.events.name): 1.0}, False)


def _kind_by_table(name: str) -> str:
    """What the rows of a table are called that has no column of kinds: `views.csv` has views."""
    words = [word.removesuffix("s") for word in words_of(name)]
    return next((word for word in words if weight_of(word) is not None), "purchase")


def _kinds(name: str, column: Column) -> Kinds:
    negatives = {kind: what for kind in column.counts if (what := takes_back(kind))}
    if len(negatives) == len(column.counts):
        negatives = {}
    weights = {kind: weight_of(kind) for kind in column.counts if kind not in negatives}
    weighed = {kind: weight or 1.0 for kind, weight in weights.items()}
    known = all(weight is not None for weight in weights.values())
    return Kinds(name, weighed, known or len(weights) == 1, negatives)


def _counts(name: str, column: Column) -> bool:
    """Whether a column holds numbers that are no codes of kinds."""
    return column.is_numeric and not (column.is_whole and fits(name, "event") >= _CERTAIN)


def behaviour_of(roles: Roles, kinds: Kinds, now: datetime) -> Behaviour:
    """Facts about all rows with a readable time. `now` bounds which times are plausible."""
    seconds = roles.columns[roles.time].seconds(roles.reading, now)
    dated = seconds >= 0
    days = seconds[dated] // DAY_SECONDS
    found = days_of(np.bincount(days - days.min()), int(days.min()))
    if found.cut_off:
        dated = dated & (seconds < start_of(found.last) + DAY_SECONDS)
        days = seconds[dated] // DAY_SECONDS
    user = _codes(roles.columns[roles.user])[dated]
    item = _codes(roles.columns[roles.item])[dated]
    kind = _codes(roles.columns[kinds.column])[dated] if kinds.column else np.zeros_like(user)
    pair = user.astype(np.int64) * (int(item.max()) + 1) + item
    return Behaviour(
        found,
        rows=len(seconds),
        users=int(np.unique(user).size),
        items=int(np.unique(item).size),
        undated=int((seconds < 0).sum()),
        repeats=_repeats(pair, days),
        duplicates=_duplicates(pair, kind, seconds[dated]),
        within_days=_within(user, days),
    )


def days_of(counts: npt.NDArray[np.int64], first: int) -> Days:
    """Facts about the days of events: `counts` `[days] int64` are rows a day, and the first of them
    is day `first` since 1970-01-01 UTC.
    """
    cut_off = _ends_within_a_day(counts)
    counts = counts[:-1] if cut_off else counts
    counts = counts[: int(np.flatnonzero(counts)[-1]) + 1]
    last, lately = day_of((first + len(counts) - 1) * DAY_SECONDS), counts[-_LATELY:]
    return Days(
        first=day_of(first * DAY_SECONDS),
        last=last,
        cut_off=cut_off,
        empty_days=int((lately == 0).sum()),
        closed=_closed(lately, last),
        volume=_volume(counts),
    )


def _codes(column: Column) -> npt.NDArray[np.int64]:
    encoded = column.text.combine_chunks().dictionary_encode()
    return pc.fill_null(encoded.indices, -1).to_numpy().astype(np.int64) + 1


def _repeats(pair: npt.NDArray[np.int64], days: npt.NDArray[np.int64]) -> float:
    order = np.lexsort((days, pair))
    pair, days = pair[order], days[order]
    same = pair[1:] == pair[:-1]
    again = np.unique(pair[1:][same & (days[1:] != days[:-1])]).size
    return float(again / np.unique(pair).size)


def _duplicates(
    pair: npt.NDArray[np.int64], kind: npt.NDArray[np.int64], seconds: npt.NDArray[np.int64]
) -> float:
    order = np.lexsort((seconds, kind, pair))
    same = np.ones(len(order) - 1, bool)
    for values in (pair, kind, seconds):
        same &= np.diff(values[order]) == 0
    return float(same.sum() / len(order))


def _closed(lately: npt.NDArray[np.int64], last: date) -> tuple[str, ...]:
    if len(lately) < _WEEKS_BEFORE * _WEEK:
        return ()
    days = [last - timedelta(days=back) for back in reversed(range(len(lately)))]
    rows = dict.fromkeys((f"{day:%A}".lower() for day in days), 0)
    for day, count in zip(days, lately.tolist(), strict=True):
        rows[f"{day:%A}".lower()] += count
    return tuple(weekday for weekday, count in rows.items() if count == 0)


def _ends_within_a_day(counts: npt.NDArray[np.int64]) -> bool:
    """Whether the last day has far fewer rows than any such day before: nearly nothing of it is
    there.
    """
    ratios = _ratios(counts)
    return len(ratios) > _WEEK and ratios[-1] < 0.25 and ratios[-1] < 0.5 * min(ratios[:-1])


def _volume(counts: npt.NDArray[np.int64]) -> tuple[float, float]:
    ratios = _ratios(counts)
    return (min(ratios), max(ratios)) if ratios else (1.0, 1.0)


def _ratios(counts: npt.NDArray[np.int64]) -> list[float]:
    """Rows of each of the last 56 days with any, over the mean of the same weekday in the four
    weeks before.
    """
    ratios: list[float] = []
    for day in range(max(_WEEK, len(counts) - _LATELY), len(counts)):
        before = [counts[day - _WEEK * k] for k in range(1, _WEEKS_BEFORE + 1) if day >= _WEEK * k]
        known = [rows for rows in before if rows]
        if known and counts[day]:
            ratios.append(float(counts[day] / np.mean(known)))
    return ratios


def _within(user: npt.NDArray[np.int64], days: npt.NDArray[np.int64]) -> int:
    newest = np.zeros(int(user.max()) + 1, np.int64)
    np.maximum.at(newest, user, days)
    ages = days.max() - newest[np.unique(user)] + 1
    return int(np.quantile(ages, 0.9))


def is_old(behaviour: Behaviour, now: datetime) -> bool:
    """Whether the events end days ago: data of the past, not of a shop that runs."""
    return int(now.timestamp()) - start_of(behaviour.days.last) > 4 * DAY_SECONDS
