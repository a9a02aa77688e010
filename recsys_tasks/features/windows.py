"""Events as of the cutoffs: ages, days and weights as columns, and the sums and medians made of
them.

Everything is an Ibis expression: DuckDB runs it here, and it compiles to a warehouse's SQL
(docs/how-to/features.md). Sums are over integers: their bytes do not depend on the order of rows or
threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from recsys_tasks.clock import DAY_SECONDS, Cutoffs
from recsys_tasks.config import Config

YEAR_DAYS = 365
SEASON_DAYS = 14
_UNIT = 2.0**30


@dataclass(frozen=True)
class Tables:
    """What features are made of.

    `learned`: events before cutoffs.learned_before; `history`: events before
    cutoffs.history_before; both with `age` (days before their cutoff, float64), `day` (UTC day
    number) and `weight`. `items`: item_key and available_from of the items that exist before
    cutoffs.history_before.
    """

    learned: ir.Table
    history: ir.Table
    items: ir.Table
    segment: ir.Table
    """The learned events with their user's `segment` (0: none)."""


def tables_at(
    config: Config, cutoffs: Cutoffs, events: ir.Table, items: ir.Table, segments: ir.Table
) -> Tables:
    """The tables as of the cutoffs: no row at or after a cutoff gets past this function.

    `events` has the columns of schema.EVENTS; `items` item_key and available_from (UTC seconds);
    `segments` user_key and segment.
    """
    learned = _events_before(config, events, cutoffs.learned)
    return Tables(
        learned=learned,
        history=_events_before(config, events, cutoffs.history),
        items=items.filter(items.available_from < cutoffs.history).mutate(
            age=(cutoffs.history - items.available_from) / float(DAY_SECONDS)
        ),
        segment=learned.inner_join(segments, "user_key"),
    )


def _events_before(config: Config, events: ir.Table, cutoff: int) -> ir.Table:
    weights = list(enumerate(config.event_weights))
    return events.filter(events.ts < cutoff).select(
        "user_key",
        "item_key",
        "event",
        "price",
        "quantity",
        age=(cutoff - events.ts) / float(DAY_SECONDS),
        day=events.ts // DAY_SECONDS,
        weight=events.event.cases(*weights, else_=0.0).cast("float64"),
    )


def exact_sum(values: ir.Value, where: ir.Value | None = None) -> ir.Value:
    """Sum of float values below 2^32, in steps of 2^-30: the same bytes in any order of
    addition.
    """
    # Left out before they are cast: an aggregate's filter comes after the cast of every row.
    kept = values if where is None else where.ifelse(values, ibis.null("float64"))
    return (kept * _UNIT).round().cast("int64").sum().cast("float64") / _UNIT


def exact_total(values: ir.Value, by: Sequence[str] = ()) -> ir.Value:
    """The same sum over all rows of a table that agree in the columns `by`, beside each row."""
    total = (values * _UNIT).round().cast("int64").sum()
    return total.over(ibis.window(group_by=list(by) or None)).cast("float64") / _UNIT


def decayed(events: ir.Table, half_life_days: float) -> ir.Value:
    """Weighted count in which an event loses half its weight every `half_life_days`."""
    return exact_sum(events.weight * (events.age * (-0.6931471805599453 / half_life_days)).exp())


def within(events: ir.Table, days: int) -> ir.Value:
    """Rows of the last `days` days: age in (0, days]."""
    return events.age <= float(days)


def around_last_year(events: ir.Table) -> ir.Value:
    """Rows of the two weeks that began a year before the cutoff."""
    return (events.age <= float(YEAR_DAYS)) & (events.age > float(YEAR_DAYS - SEASON_DAYS))


def log_count(value: ir.Value) -> ir.Value:
    """ln(1 + value), 0 where the value is null."""
    return (value.cast("float64").fill_null(0.0) + 1.0).ln()


def pairs_of(events: ir.Table) -> ir.Table:
    """One row per user and item: days with it (`days`), days from first to last event (`span`)."""
    return events.group_by("user_key", "item_key").aggregate(
        days=events.day.nunique(), span=events.age.max() - events.age.min()
    )


def median_price(events: ir.Table, keys: Sequence[str], name: str) -> ir.Table:
    """Median known price by keys, exact, by window functions: not every engine has a median."""
    known = events.filter(events.price.notnull() & ~events.price.isnan())
    ranked = known.select(
        *keys,
        "price",
        row=ibis.row_number().over(group_by=list(keys), order_by=known.price),
        rows=known.count().over(group_by=list(keys)),
    )
    middle = ranked.filter(
        (ranked.row >= (ranked.rows - 1) // 2) & (ranked.row <= ranked.rows // 2)
    )
    return middle.group_by(list(keys)).aggregate(
        **{name: (middle.price.cast("float64").min() + middle.price.cast("float64").max()) / 2.0}
    )
