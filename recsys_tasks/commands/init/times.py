"""The settings of times: their unit, their form and their zone."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from recsys_tasks.commands.init.columns import Column
from recsys_tasks.commands.init.names import words_of
from recsys_tasks.commands.init.proposal import Proposal
from recsys_tasks.commands.init.readings import Reading, is_local, zone_by_skipped_hours

_FEW = 0.01
_UTC = frozenset({"utc", "gmt", "zulu"})


def add_times(
    proposal: Proposal, time: Column, reading: Reading, clock: str | None, now: datetime
) -> None:
    """How the events' times are read; `clock`: the column of times of day, if that is another."""
    plain = time.is_numeric and not pa.types.is_temporal(time.delivered.type)
    words = f"numbers, {reading.unit}" if plain else "dates and times"
    proposal.add("events.timestamp_column", time.name, "sure" if plain else "likely", words)
    if clock is not None:
        words = f"the times of day, as {time.sample[0][:40]!r} with its day"
        proposal.add("events.time_of_day_column", clock, "likely", words)
    if (plain or clock) and reading.unit != "seconds":
        words = "the only unit that fits them all"
        proposal.add("events.timestamp_unit", reading.unit, "sure", words)
    add_form(proposal, "events.timestamp_format", time, reading)
    _say_unread(proposal, time, reading, now)
    if is_local(time.delivered, reading) and not _UTC & set(words_of(time.name)):
        _add_zone(proposal, time, reading, now)


def _say_unread(proposal: Proposal, time: Column, reading: Reading, now: datetime) -> None:
    """Name values that are no times, where they are more than a few: a night stops at them."""
    unread = time.text.filter(pa.array(time.seconds(reading, now) < 0))
    share = len(unread) / max(1, len(time.text))
    if share > _FEW:
        found = unread.drop_null()
        quoted = f", such as {found[0].as_py()[:40]!r}" if len(found) else ""
        proposal.left_out.append(
            f"{share:.1%} of the rows: their {time.name!r} is missing or no time{quoted}; a night"
            " stops at them, unless validation.max_null_share sets them aside"
        )


def add_form(proposal: Proposal, key: str, time: Column, reading: Reading) -> None:
    """The form of times that are text of another form than ISO 8601."""
    if reading.form is None:
        return
    words = f"as {time.sample[0][:40]!r} is written"
    if reading.also is None:
        proposal.add(key, reading.form, "sure", words)
    else:
        words += f"; {reading.also!r} would read all of them, too: which part is the day?"
        proposal.add(key, reading.form, "a guess", words)


def _add_zone(proposal: Proposal, time: Column, reading: Reading, now: datetime) -> None:
    found = zone_by_skipped_hours(time.seconds(reading, now))
    if found is not None:
        words = (
            f"no event in the hour of {found[1]}, which the clocks of this zone and of its"
            " neighbours skip"
        )
        proposal.add("events.timezone", found[0], "a guess", words)
        return
    words = (
        f"{time.sample[0][:40]!r} has no offset: is it UTC (null), or on whose clocks,"
        " e.g. Europe/Berlin?"
    )
    proposal.add("events.timezone", None, "a guess", words)
