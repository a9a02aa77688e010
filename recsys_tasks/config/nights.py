"""When nights start, which date each has, and by when readers expect its lists."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from recsys_tasks.config import cron

_FROM = datetime(2025, 1, 1, tzinfo=UTC)
_DAYS = 5 * 366  # of the zones' present rules: what they were long ago moves no night


@dataclass(frozen=True)
class Nights:
    """The nights of a cron in a time zone."""

    cron: str
    timezone: str = "UTC"
    ready_by: time | None = None
    """Wall time in that zone by which readers expect the lists; None: no such promise."""

    @property
    def is_before_cutoff(self) -> bool:
        """Whether a start can come before 00:00 UTC of its day in the zone, as east of Greenwich:
        such a night has the date of the day before, all of whose data there can be.
        """
        return cron.earliest_clock(self.cron) < _largest_offset(self.timezone)

    @property
    def skipped(self) -> date | None:
        """The first day, of the next years, on which clocks skip the time of a daily start."""
        return _first_skipped(cron.earliest_clock(self.cron), self.timezone)

    def date_of(self, start: datetime) -> date:
        """The date (`as_of`) of the night that starts then; its cutoff is never after its start."""
        return start.astimezone(ZoneInfo(self.timezone)).date() - self._back

    def last_start(self, moment: datetime) -> datetime:
        """The newest start at or before `moment`."""
        return cron.last_tick(self.cron, moment, self.timezone)

    def start_of(self, night: date) -> datetime:
        """When the night of this date is due to start; of a date that has none, the last start
        before.
        """
        following = datetime.combine(night + self._back + timedelta(days=1), time())
        end = cron.instant(following, ZoneInfo(self.timezone))
        return self.last_start(end - timedelta(microseconds=1))

    def deadline(self, start: datetime) -> datetime | None:
        """When readers expect the lists of the night that starts then: at the next `ready_by`."""
        if self.ready_by is None:
            return None
        zone = ZoneInfo(self.timezone)
        day = start.astimezone(zone).date()
        today = cron.instant(datetime.combine(day, self.ready_by), zone)
        if today > start:
            return today
        return cron.instant(datetime.combine(day + timedelta(days=1), self.ready_by), zone)

    @property
    def promise(self) -> str:
        """The time of day by which readers expect the lists, and its zone; empty where none is
        set.
        """
        return f"{self.ready_by:%H:%M} {self.timezone}" if self.ready_by is not None else ""

    def time_left(self, night: date, now: datetime) -> str:
        """Words on the time from `now` to the deadline of this night; empty where none is set."""
        deadline = self.deadline(self.start_of(night))
        if deadline is None:
            return ""
        words = f"readers' deadline {self.promise}"
        if now < deadline:
            return f"{words}, {_span(deadline - now)} left"
        return f"{words}, passed {_span(now - deadline)} ago"

    def shown(self, moment: datetime) -> str:
        """A moment on the zone's clocks."""
        return f"{moment.astimezone(ZoneInfo(self.timezone)):%Y-%m-%d %H:%M} {self.timezone}"

    @property
    def _back(self) -> timedelta:
        return timedelta(days=1 if self.is_before_cutoff else 0)


@functools.cache
def _largest_offset(timezone: str) -> timedelta:
    zone = ZoneInfo(timezone)
    offsets = ((_FROM + timedelta(days=day)).astimezone(zone).utcoffset() for day in range(_DAYS))
    return max(offset for offset in offsets if offset is not None)


@functools.cache
def _first_skipped(clock: timedelta, timezone: str) -> date | None:
    zone, midnight = ZoneInfo(timezone), _FROM.replace(tzinfo=None)
    for day in range(_DAYS):
        start = midnight + timedelta(days=day) + clock
        if cron.instant(start, zone).astimezone(zone).replace(tzinfo=None) != start:
            return start.date()
    return None


def _span(span: timedelta) -> str:
    hours, rest = divmod(int(span.total_seconds()), 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min"
