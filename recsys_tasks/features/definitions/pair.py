"""Features of a user and an item of the user's history: how often and how recently."""

from __future__ import annotations

from recsys_tasks.config import Config
from recsys_tasks.features.definitions.shared import days_span
from recsys_tasks.features.feature import Feature
from recsys_tasks.features.windows import (
    YEAR_DAYS,
    around_last_year,
    decayed,
    exact_sum,
    log_count,
)

LONG_HALF_LIFE_DAYS = 180.0


def features(config: Config) -> list[Feature]:
    """Those of this shop, in column order."""
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
        *PAIR_FEATURES,
        *([QUANTITY] if config.events.quantity_column else []),
        *([of_kind(code, kind) for kind, code in kinds] if len(kinds) > 1 else []),
    ]


QUANTITY = Feature(
    "quantity",
    "pair",
    "history",
    "ln(1 + units in all)",
    lambda e: log_count(
        exact_sum(e.quantity.cast("float64"), where=(e.quantity > 0) & ~e.quantity.isnan())
    ),
)
PAIR_FEATURES = (
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
        lambda e: days_span(e) / (e.day.nunique() - 1).nullif(0),
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
        lambda t: t.days / (t["_user_days"] + 1.0),
    ),
    Feature(
        "due",
        "pair",
        "derived",
        "days since last / (gap + 1)",
        lambda t: t.since_last / (t.gap.fill_null(0.0) + 1.0),
    ),
)
