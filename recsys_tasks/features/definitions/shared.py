"""What features of several families are made with."""

from __future__ import annotations

import ibis.expr.types as ir

from recsys_tasks.config import Config


def price_of(prices: ir.Table) -> ir.Value:
    """The median price that `windows.median_price` found."""
    return prices.price


def has_price(config: Config) -> bool:
    """Whether the shop's events have a price."""
    return config.events.price_column is not None


def days_span(events: ir.Table) -> ir.Value:
    """Days from the first to the last event."""
    return events.age.max() - events.age.min()
