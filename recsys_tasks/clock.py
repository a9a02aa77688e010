"""Dates, cutoffs and half-open windows: the only place where the pipeline turns dates into
seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from recsys_tasks.errors import ConfigError, LeakageError

DAY_SECONDS = 86_400


def start_of(day: date) -> int:
    """Seconds since the epoch at 00:00 UTC of `day`: the cutoff that `as_of = day` means."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def day_of(seconds: int) -> date:
    """The UTC date that holds this second."""
    return datetime.fromtimestamp(seconds, tz=UTC).date()


def parse_day(text: str) -> date:
    """`YYYY-MM-DD`, or another form of ISO 8601, to a date. Raises ValueError on anything else."""
    return date.fromisoformat(text)


def typed_day(text: str, where: str) -> date:
    """`parse_day` of what a person typed. Raises ConfigError that says how a date is written."""
    try:
        day = parse_day(text)
        if not 1970 <= day.year <= 2999:
            raise ValueError("no night from 1970 to 2999")
        return day
    except ValueError as error:
        raise ConfigError(
            expected="a date that exists, as YYYY-MM-DD",
            found=f"{text!r} ({error})",
            where=where,
            remedy=(
                "write it with four digits of the year and two each of month and day, such as"
                " 2026-02-13"
            ),
        ) from error


@dataclass(frozen=True, order=True)
class Cutoffs:
    """What a learned or scored thing may know.

    Parameters, counts and item vectors come from rows before `learned_before`; a user's own input
    history may run up to `history_before`. Both are UTC dates and mean 00:00 of that day.
    """

    learned_before: date
    history_before: date

    def __post_init__(self) -> None:
        if self.learned_before > self.history_before:
            raise LeakageError(
                expected="learned_before <= history_before",
                found=f"{self.learned_before} > {self.history_before}",
                where="Cutoffs",
                remedy="learn from rows before the history's end, or move the history forward",
            )

    @classmethod
    def at(cls, day: date, learning_lag_days: int = 0) -> Cutoffs:
        """Histories up to `day`, learning up to `learning_lag_days` earlier."""
        return cls(day - timedelta(days=learning_lag_days), day)

    @property
    def learned(self) -> int:
        """`learned_before` in seconds since the epoch."""
        return start_of(self.learned_before)

    @property
    def history(self) -> int:
        """`history_before` in seconds since the epoch."""
        return start_of(self.history_before)

    def __str__(self) -> str:
        return f"{self.learned_before}_{self.history_before}"


@dataclass(frozen=True)
class Timeline:
    """The gate's timeline for one night.

    Labels of ranker window j come from [label_cutoffs[j], label_cutoffs[j] + W); the newest window
    ends at `gate_cutoff` = E, and [E, as_of) judges. Nothing learned for the rankers is from E on.
    """

    as_of: date
    window_days: int
    gate_cutoff: date
    label_cutoffs: tuple[date, ...]

    @classmethod
    def for_night(
        cls, as_of: date, window_days: int, windows: int, first_day: date, min_history_days: int
    ) -> Timeline:
        """Label cutoffs newest first; windows with less than `min_history_days` before them are
        dropped.
        """
        gate = as_of - timedelta(days=window_days)
        cutoffs = [gate - timedelta(days=window_days * j) for j in range(1, windows + 1)]
        earliest = first_day + timedelta(days=min_history_days)
        return cls(as_of, window_days, gate, tuple(c for c in cutoffs if c >= earliest))

    def newest(self, windows: int) -> Timeline:
        """The same night with at most so many label windows, the newest."""
        return replace(self, label_cutoffs=self.label_cutoffs[:windows])
