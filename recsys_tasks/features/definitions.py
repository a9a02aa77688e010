"""The catalogue: every feature's name, family, meaning and expression, for training and serving
alike.

A feature is an aggregate over one of the tables of its key (`source`), or is derived from the
aggregates beside it. Names that begin with `_` are intermediate and never leave the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import ibis.expr.types as ir

from recsys_tasks.config import Config
from recsys_tasks.features.windows import (
    YEAR_DAYS,
    around_last_year,
    decayed,
    exact_sum,
    exact_total,
    log_count,
    within,
)

Family = Literal["user", "item", "segment", "pair"]
Source = Literal["learned", "history", "segment", "pairs", "base", "price", "derived"]
LONG_HALF_LIFE_DAYS = 180.0
LIFT_PRIOR = 4.0
"""Events, as many as expected, that a segment is credited with for each item: few events say
little.
"""


@dataclass(frozen=True)
class Feature:
    """One column of a family's table.

    `source` says what `build` is given: events before cutoffs.learned_before (`learned`), the same
    with their user's segment (`segment`), events before cutoffs.history_before (`history`), learned
    user-item pairs (`pairs`), the family's `base` rows, the median `price`, or the joined columns
    themselves (`derived`).
    """

    name: str
    family: Family
    source: Source
    description: str
    build: Callable[[ir.Table], ir.Value]


def catalogue(config: Config) -> tuple[Feature, ...]:
    """Every feature of this shop, in column order."""
    segment = _SEGMENT_FEATURES if config.users.segment_by else ()
    return (*_item_features(config), *_user_features(config), *segment, *_pair_features(config))


def _item_features(config: Config) -> list[Feature]:
    def popularity(days: int) -> Feature:
        return Feature(
            f"popularity_{days}d",
            "item",
            "learned",
            f"ln(1 + events of the last {days} days, weighted by kind)",
            lambda e: log_count(exact_sum(e.weight, where=within(e, days))),
        )

    def of_kind(code: int, kind: str) -> Feature:
        return Feature(
            f"{kind}_28d",
            "item",
            "learned",
            f"ln(1 + events of kind {kind!r} of the last 28 days)",
            lambda e: log_count(e.count(where=within(e, 28) & (e.event == code))),
        )

    kinds = list(config.event_codes.items())
    return [
        *map(popularity, config.features.popularity_days),
        *_ITEM_FEATURES,
        *(
            [Feature("price", "item", "price", "median price before the cutoff", _price)]
            if _has_price(config)
            else []
        ),
        *([of_kind(code, kind) for kind, code in kinds] if len(kinds) > 1 else []),
    ]


def _price(prices: ir.Table) -> ir.Value:
    return prices.price


def _has_price(config: Config) -> bool:
    return config.events.price_column is not None


_ITEM_FEATURES = (
    Feature(
        "popularity_all",
        "item",
        "learned",
        "ln(1 + all events, weighted)",
        lambda e: log_count(exact_sum(e.weight)),
    ),
    Feature(
        "users_28d",
        "item",
        "learned",
        "ln(1 + distinct users of the last 28 days)",
        lambda e: log_count(e.user_key.nunique(where=within(e, 28))),
    ),
    Feature(
        "_week",
        "item",
        "learned",
        "weighted events of the last 7 days",
        lambda e: exact_sum(e.weight, where=within(e, 7)),
    ),
    Feature(
        "_month",
        "item",
        "learned",
        "weighted events of the last 28 days",
        lambda e: exact_sum(e.weight, where=within(e, 28)),
    ),
    Feature("_all", "item", "learned", "weighted events", lambda e: exact_sum(e.weight)),
    Feature(
        "_season",
        "item",
        "learned",
        "weighted events a year ago",
        lambda e: exact_sum(e.weight, where=around_last_year(e)),
    ),
    Feature("since_last", "item", "learned", "days since its last event", lambda e: e.age.min()),
    Feature("since_first", "item", "learned", "days since its first event", lambda e: e.age.max()),
    Feature(
        "repeat_rate",
        "item",
        "pairs",
        "share of its users with it on two days or more",
        lambda p: (p.days > 1).mean(),
    ),
    Feature(
        "repeat_gap",
        "item",
        "pairs",
        "mean days between two days of one user with it",
        lambda p: (
            exact_sum(p.span, where=p.days > 1) / (p.days - 1).sum(where=p.days > 1).nullif(0)
        ),
    ),
    Feature("age", "item", "base", "days since it became available", lambda i: i.age),
    Feature(
        "trend",
        "item",
        "derived",
        "ln of the last week's rate over the last four weeks', smoothed",
        lambda t: ((t._week.fill_null(0.0) * 4.0 + 4.0) / (t._month.fill_null(0.0) + 4.0)).ln(),
    ),
    Feature(
        "season",
        "item",
        "derived",
        "ln(1 + weighted events in the two weeks that began a year before the cutoff)",
        lambda t: log_count(t._season),
    ),
    Feature(
        "season_share",
        "item",
        "derived",
        "share of its events that fell into those two weeks",
        lambda t: t._season.fill_null(0.0) / (t._all.fill_null(0.0) + 1.0),
    ),
)


def _user_features(config: Config) -> list[Feature]:
    price = Feature("price", "user", "price", "median price paid or seen", _price)
    return [*_USER_FEATURES, *([price] if _has_price(config) else [])]


_USER_FEATURES = (
    Feature("events", "user", "learned", "ln(1 + events)", lambda e: log_count(e.count())),
    Feature(
        "days",
        "user",
        "learned",
        "ln(1 + days with an event)",
        lambda e: log_count(e.day.nunique()),
    ),
    Feature(
        "items",
        "user",
        "learned",
        "ln(1 + distinct items)",
        lambda e: log_count(e.item_key.nunique()),
    ),
    Feature(
        "gap",
        "user",
        "learned",
        "mean days between active days",
        lambda e: _span(e) / (e.day.nunique() - 1).nullif(0),
    ),
    Feature(
        "repeat_share",
        "user",
        "pairs",
        "share of the user's items seen on two days or more",
        lambda p: (p.days > 1).mean(),
    ),
    Feature("since_last", "user", "history", "days since the last event", lambda e: e.age.min()),
    Feature("since_first", "user", "history", "days since the first event", lambda e: e.age.max()),
    Feature(
        "events_7d",
        "user",
        "history",
        "ln(1 + events of the last 7 days)",
        lambda e: log_count(e.count(where=within(e, 7))),
    ),
    Feature(
        "events_28d",
        "user",
        "history",
        "ln(1 + events of the last 28 days)",
        lambda e: log_count(e.count(where=within(e, 28))),
    ),
)


def _lift(table: ir.Table) -> ir.Value:
    item, segment = exact_total(table._month, ["item_key"]), exact_total(table._month, ["segment"])
    expected = item * segment / exact_total(table._month).nullif(0.0)
    return ((table._month + LIFT_PRIOR) / (expected.fill_null(0.0) + LIFT_PRIOR)).ln()


_SEGMENT_FEATURES = (
    Feature(
        "popularity_7d",
        "segment",
        "segment",
        "ln(1 + events of the user's segment in the last 7 days, weighted by kind)",
        lambda e: log_count(exact_sum(e.weight, where=within(e, 7))),
    ),
    Feature(
        "popularity_28d",
        "segment",
        "segment",
        "ln(1 + events of the user's segment in the last 28 days, weighted by kind)",
        lambda e: log_count(exact_sum(e.weight, where=within(e, 28))),
    ),
    Feature(
        "_month",
        "segment",
        "segment",
        "weighted events of the segment in the last 28 days",
        lambda e: exact_sum(e.weight, where=within(e, 28)).fill_null(0.0),
    ),
    Feature(
        "lift",
        "segment",
        "derived",
        "ln of the segment's events of 28 days over those expected if all segments were alike,"
        " smoothed",
        _lift,
    ),
)


def _span(events: ir.Table) -> ir.Value:
    return events.age.max() - events.age.min()


def _pair_features(config: Config) -> list[Feature]:
    half_life = config.features.history_half_life_days

    def of_kind(code: int, kind: str) -> Feature:
        return Feature(
            f"{kind}_events",
            "pair",
            "history",
            f"events of kind {kind!r}",
            lambda e: e.count(where=e.event == code),
        )

    kinds = list(config.event_codes.items())
    return [
        Feature(
            "recent",
            "pair",
            "history",
            f"events, half-life {half_life:g} d",
            lambda e: decayed(e, half_life),
        ),
        *_PAIR_FEATURES,
        *([_QUANTITY] if config.events.quantity_column else []),
        *([of_kind(code, kind) for kind, code in kinds] if len(kinds) > 1 else []),
    ]


_QUANTITY = Feature(
    "quantity",
    "pair",
    "history",
    "ln(1 + units in all)",
    lambda e: log_count(
        exact_sum(e.quantity.cast("float64"), where=(e.quantity > 0) & ~e.quantity.isnan())
    ),
)
_PAIR_FEATURES = (
    Feature(
        "long",
        "pair",
        "history",
        "events, half-life 180 d, weighted",
        lambda e: decayed(e, LONG_HALF_LIFE_DAYS),
    ),
    Feature("events", "pair", "history", "events", lambda e: e.count()),
    Feature("days", "pair", "history", "days with it", lambda e: e.day.nunique()),
    Feature("since_last", "pair", "history", "days since the last event", lambda e: e.age.min()),
    Feature("since_first", "pair", "history", "days since the first event", lambda e: e.age.max()),
    Feature(
        "gap",
        "pair",
        "history",
        "mean days between days with it",
        lambda e: _span(e) / (e.day.nunique() - 1).nullif(0),
    ),
    Feature(
        "season",
        "pair",
        "history",
        "events, weighted, in the two weeks that began a year before the cutoff",
        lambda e: exact_sum(e.weight, where=around_last_year(e)).fill_null(0.0),
    ),
    Feature(
        "season_long",
        "pair",
        "history",
        "events, weighted, from two months before to two months after the day a year before the"
        " cutoff",
        lambda e: exact_sum(
            e.weight, where=(e.age > YEAR_DAYS - 60.0) & (e.age <= YEAR_DAYS + 60.0)
        ).fill_null(0.0),
    ),
    Feature(
        "rate",
        "pair",
        "derived",
        "days with it / (the user's active days + 1)",
        lambda t: t.days / (t._user_days + 1.0),
    ),
    Feature(
        "due",
        "pair",
        "derived",
        "days since last / (gap + 1)",
        lambda t: t.since_last / (t.gap.fill_null(0.0) + 1.0),
    ),
)
