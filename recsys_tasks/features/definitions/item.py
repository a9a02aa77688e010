"""Features of an item: how often, how steadily and since when users have events with it."""

from __future__ import annotations

from recsys_tasks.config import Config
from recsys_tasks.features.definitions.shared import has_price, price_of
from recsys_tasks.features.feature import Feature
from recsys_tasks.features.windows import around_last_year, exact_sum, log_count, within


def features(config: Config) -> list[Feature]:
    """Those of this shop, in column order."""

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
        *ITEM_FEATURES,
        *(
            [Feature("price", "item", "price", "median price before the cutoff", price_of)]
            if has_price(config)
            else []
        ),
        *([of_kind(code, kind) for kind, code in kinds] if len(kinds) > 1 else []),
    ]


ITEM_FEATURES = (
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
        lambda t: (
            (t["_week"].fill_null(0.0) * 4.0 + 4.0) / (t["_month"].fill_null(0.0) + 4.0)
        ).ln(),
    ),
    Feature(
        "season",
        "item",
        "derived",
        "ln(1 + weighted events in the two weeks that began a year before the cutoff)",
        lambda t: log_count(t["_season"]),
    ),
    Feature(
        "season_share",
        "item",
        "derived",
        "share of its events that fell into those two weeks",
        lambda t: t["_season"].fill_null(0.0) / (t["_all"].fill_null(0.0) + 1.0),
    ),
)
