"""A figure of the night lies far from those of the weeks before; a monitor.

Its bounds are learned: the median of the four weeks before, and `monitoring.unusual_times` times
the median deviation from it, which a few odd nights do not move (Leys et al., "Detecting outliers:
Do not use standard deviation around the mean, use absolute deviation around the median", 2013).
A least distance keeps figures that hardly ever move from giving alarms of no use.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from recsys_tasks.monitoring.alarms.figures import NightFigures
from recsys_tasks.monitoring.alarms.kind import Alarm, AlarmKind

MIN_NIGHTS = 7
"""Fewer earlier nights have no usual figure yet; a week has its own rhythm."""
_DEVIATION = 1.4826
"""Of a normal distribution, its standard deviation in median deviations."""
NIGHT = "night"
"""Scope of what the stages of a night took."""


@dataclass(frozen=True)
class Watched:
    """A figure: which side is bad, and how far from its usual it must be at least, as a share of
    it (`share`) and in its own unit (`least`).
    """

    scope: str
    name: str
    words: str
    high: bool
    share: float = 0.0
    least: float = 0.0


def watched(k: int) -> tuple[Watched, ...]:
    """The figures that are looked at; `k`: places of a list."""
    lists = "lists"
    return (
        Watched(lists, "users", "users with a list of their own", high=False, share=0.2),
        Watched(lists, f"coverage_on_offer@{k}", "coverage", high=False, share=0.2),
        Watched(lists, "short_share", "share of short lists", high=True, least=0.05),
        Watched(lists, "identical_share", "share of users with one list", high=True, least=0.05),
        Watched(lists, "rung_share/heavy", "share by the heavy ranker", high=False, least=0.2),
        Watched(NIGHT, "seconds", "seconds of all stages", high=True, share=1.0, least=600),
        Watched(NIGHT, "cpu_seconds", "processor seconds", high=True, share=1.0, least=600),
        Watched(NIGHT, "peak_bytes", "most memory, in bytes", high=True, share=0.5, least=1e9),
    )


def look(night: NightFigures) -> Iterator[Alarm]:
    """One alarm for all figures that are past their bounds: what they have in common is one cause.

    None where `monitoring.unusual_times` is null.
    """
    times = night.config.monitoring.unusual_times
    if times is None:
        return
    found = [
        (one, bound, value)
        for one in watched(night.config.serving.k)
        if (bound := bound_of(one, night, times)) is not None
        and not math.isnan(value := night.value(one.scope, one.name))
        and (value > bound if one.high else value < bound)
    ]
    if not found:
        return
    words = "; ".join(_told(one, night, value) for one, _, value in found)
    first, bound, value = found[0]
    yield Alarm(
        ALARM.name, f"{first.scope}/{first.name}", bound, value, f"unlike the weeks before: {words}"
    )


def bound_of(one: Watched, night: NightFigures, times: float) -> float | None:
    """The value past which a figure is unusual; None where too few nights had it."""
    earlier = list(night.before(one.scope, one.name).values())
    if len(earlier) < MIN_NIGHTS:
        return None
    middle = float(median(earlier))
    spread = _DEVIATION * float(median(abs(value - middle) for value in earlier))
    away = max(times * spread, one.share * abs(middle), one.least)
    return middle + away if one.high else middle - away


def _told(one: Watched, night: NightFigures, value: float) -> str:
    usual = float(median(night.before(one.scope, one.name).values()))
    return f"{one.words} {_number(value)} (usually {_number(usual)})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


ALARM = AlarmKind(
    name="unusual_night",
    title="A night is unlike those before",
    runbook="unusual-night.md",
    look=look,
)
