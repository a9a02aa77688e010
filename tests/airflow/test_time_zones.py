"""Airflow's timetables in the shop's zone: a night each day, one date each, clocks changing or not.

The scheduler is asked as Airflow asks it, each ten minutes, with its clock set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import recsys_airflow
from airflow.serialization.encoders import coerce_to_core_timetable
from airflow.timetables import trigger
from airflow.timetables.base import DagRunInfo, TimeRestriction
from pendulum import instance as coerce_datetime

from recsys_tasks.config import cron
from recsys_tasks.config.environment import read_environment
from recsys_tasks.config.essentials import read_essentials
from recsys_tasks.config.nights import Nights
from recsys_tasks.config.operations import ScheduleConfig

SHOPS = [
    ("Europe/Amsterdam", "30 2 * * *"),  # in the hour that is skipped, and comes twice
    ("Europe/Amsterdam", "0 1 * * *"),  # before 00:00 UTC in summer
    ("Australia/Sydney", "0 1 * * *"),
    ("America/Los_Angeles", "0 23 * * *"),
    ("Africa/Cairo", "0 1 * * *"),  # clocks skip from midnight to 01:00
    ("Australia/Lord_Howe", "45 1 * * *"),  # clocks are set back by half an hour to 01:30
    ("America/Santiago", "30 0 * * *"),  # clocks skip from midnight to 01:00
]


@pytest.fixture
def timetable(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Any]:
    """The first DAG's timetable, as a shop of this zone has it after the way through Airflow's
    database.
    """

    def of(zone: str, nightly: str) -> Any:
        shop = replace(
            read_essentials(read_environment()),
            clock="wall",
            schedule=ScheduleConfig(timezone=zone, nightly=nightly),
        )
        monkeypatch.setattr(recsys_airflow, "settings", lambda: shop)
        made: Any = coerce_to_core_timetable(recsys_airflow.nightly())
        return type(made).deserialize(made.serialize())

    return of


def scheduled(
    timetable: Any, monkeypatch: pytest.MonkeyPatch, first: datetime, days: int
) -> Iterator[DagRunInfo]:
    """The runs that a scheduler makes which looks each half hour."""
    clock, last = [first], None
    monkeypatch.setattr(trigger, "utcnow", lambda: clock[0])
    while clock[0] < first + timedelta(days=days):
        found = timetable.next_dagrun_info_v2(
            last_dagrun_info=last, restriction=TimeRestriction(None, None, catchup=False)
        )
        if found.run_after <= clock[0] and (last is None or found.run_after > last.run_after):
            yield found
            last = found
        clock[0] += timedelta(minutes=30)


def changes(zone: str) -> list[datetime]:
    """The days of 2026 on which clocks of the zone change."""
    days = [datetime(2026, 1, 2, tzinfo=UTC) + timedelta(days=n) for n in range(363)]
    offsets = [day.astimezone(ZoneInfo(zone)).utcoffset() for day in days]
    pairs = zip(days[1:], pairwise(offsets), strict=True)
    return [day for day, (before, after) in pairs if before != after]


@pytest.mark.parametrize(("zone", "nightly"), SHOPS)
def test_no_night_is_lost_or_doubled_where_clocks_change(
    timetable: Callable[[str, str], Any],
    monkeypatch: pytest.MonkeyPatch,
    zone: str,
    nightly: str,
) -> None:
    made, nights = timetable(zone, nightly), Nights(nightly, zone)
    for change in changes(zone):
        first = change - timedelta(days=2)
        runs = list(scheduled(made, monkeypatch, first, days=5))[1:]  # the first: the last before
        keys = [date.fromisoformat(run.partition_key or "") for run in runs]
        assert keys == [keys[0] + timedelta(days=n) for n in range(len(runs))]
        assert keys[0] < change.date() < keys[-1]
        for run, night in zip(runs, keys, strict=True):
            start = run.run_after
            assert (nights.last_start(start), nights.date_of(start)) == (start, night)
            assert start >= datetime(night.year, night.month, night.day, tzinfo=UTC)


@pytest.mark.parametrize(("zone", "nightly"), SHOPS)
def test_our_starts_are_airflows_for_a_year(
    timetable: Callable[[str, str], Any], zone: str, nightly: str
) -> None:
    made, moment = timetable(zone, nightly), datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    ours, theirs, last = cron.ticks_after(nightly, moment, 366, zone), [], None
    whole = TimeRestriction(coerce_datetime(moment), None, catchup=True)
    for _ in ours:
        last = made.next_dagrun_info_v2(last_dagrun_info=last, restriction=whole)
        theirs.append(last.run_after)
    assert ours == theirs
