"""Features of a user: how much, how often and how recently the user acts."""

from __future__ import annotations

from recsys_tasks.config import Config
from recsys_tasks.features.definitions.shared import days_span, has_price, price_of
from recsys_tasks.features.feature import Feature
from recsys_tasks.features.windows import log_count, within


def features(config: Config) -> list[Feature]:
    """Those of this shop, in column order."""
    price = Feature("price", "user", "price", "median price paid or seen", price_of)
    return [*USER_FEATURES, *([price] if has_price(config) else [])]


USER_FEATURES = (
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
        lambda e: days_span(e) / (e.day.nunique() - 1).nullif(0),
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
