"""Features of a user's segment and an item: what people like the user take."""

from __future__ import annotations

import ibis.expr.types as ir

from recsys_tasks.config import Config
from recsys_tasks.features.feature import Feature
from recsys_tasks.features.windows import exact_sum, exact_total, log_count, within

LIFT_PRIOR = 4.0
"""Events, as many as expected, that a segment is credited with for each item: few events say
little.
"""


def features(config: Config) -> list[Feature]:
    """Those of this shop, in column order: none where it declares no segments."""
    return list(SEGMENT_FEATURES) if config.users.segment_by else []


def _lift(table: ir.Table) -> ir.Value:
    item, segment = (
        exact_total(table["_month"], ["item_key"]),
        exact_total(table["_month"], ["segment"]),
    )
    expected = item * segment / exact_total(table["_month"]).nullif(0.0)
    return ((table["_month"] + LIFT_PRIOR) / (expected.fill_null(0.0) + LIFT_PRIOR)).ln()


SEGMENT_FEATURES = (
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
