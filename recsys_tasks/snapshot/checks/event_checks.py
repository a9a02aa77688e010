"""The checks of tonight's interactions; their names are those of `row_rules.flag_rows`."""

from __future__ import annotations

from dataclasses import replace

from recsys_tasks.config import Config
from recsys_tasks.ids import MAX_ID_BYTES
from recsys_tasks.snapshot.checks.check import Check
from recsys_tasks.snapshot.checks.rated_rows import left_out_events
from recsys_tasks.snapshot.checks.short_id_rows import SHORTENED

_COLUMNS = ("user_id", "item_id", "ts", "event", "price", "quantity")


def event_checks(config: Config) -> list[Check]:
    """Checks of the interactions that are new or changed tonight."""
    return [*_id_and_time_checks(config), *_reference_checks(config), *_value_checks(config)]


def _id_and_time_checks(config: Config) -> list[Check]:
    bad, nulls = config.validation.max_bad_value_share, config.validation.max_null_share
    about = "the declared columns and no others"
    return [
        Check("columns", "events", "columns", "", about, allowed=_COLUMNS),
        _not_null("missing_user", "user_id", "a user id", nulls, "item_id", "ts"),
        _not_null("missing_item", "item_id", "an item id", nulls, "user_id", "ts"),
        _not_null("missing_time", "ts", "a readable time", nulls, "user_id", "item_id"),
        Check(
            *("overlong_id", "events", "between", "id_bytes"),
            f"ids of at most {MAX_ID_BYTES} bytes",
            bad,
            maximum=MAX_ID_BYTES,
            example=("id_bytes",),
        ),
        _true(SHORTENED, "whole", "ids that have all of their digits", bad),
        _true("unstorable", "storable", "ids without NUL", bad, "user_id", "item_id", "ts"),
    ]


def _reference_checks(config: Config) -> list[Check]:
    """Kinds, users and items that must be known, and rows that are there once."""
    rules = config.validation
    users, items = rules.max_unknown_user_share, rules.max_unknown_item_share
    twice, quoted = rules.max_duplicate_share, ("user_id", "item_id", "ts")
    return [
        Check(
            *("unknown_event", "events", "in_set", "event", "a declared kind of event"),
            rules.max_unknown_event_share,
            allowed=(*config.events.known, *_of_no_kind(config)),
            example=("event",),
        ),
        _true("unknown_user", "user_known", "a user of the users table", users, "user_id"),
        _true("unknown_item", "item_known", "an item of the items table", items, "item_id"),
        _true("repeated", "first", "no exact duplicate", twice, *quoted),
    ]


def _value_checks(config: Config) -> list[Check]:
    """Prices, quantities and places of showings, where the shop has them."""
    table, bad = config.events, config.validation.max_bad_value_share
    columns = {"price": table.price_column, "quantity": table.quantity_column}
    checks = [
        Check(
            *(f"bad_{name}", "events", "between", name, f"a readable {name} of 0 or more", bad),
            minimum=0.0,
            example=(name,),
            delivered=f"events.{name}",
        )
        for name, source in columns.items()
        if source is not None
    ]
    if table.rating is not None:
        about = f"a rating {table.rating.bounds}".rstrip()
        rated = _true("bad_rating", "rated", about, bad, "item_id", "ts")
        checks.append(replace(rated, delivered="events.rating"))
    if table.impressions is not None:
        about = f"a place of 1 or more where event is {table.impressions.event!r}"
        placed = _true("bad_position", "placed", about, bad, "item_id", "ts")
        checks.append(replace(placed, delivered="events.position"))
    return checks


def _of_no_kind(config: Config) -> tuple[str, ...]:
    """What stands for the kind of rows that are none by their rating or status."""
    rating = config.events.rating
    return (*left_out_events(config.events), *([rating.fault] if rating else []))


def _not_null(name: str, column: str, about: str, bound: float, *example: str) -> Check:
    return Check(name, "events", "not_null", column, about, bound, example=example)


def _true(name: str, column: str, about: str, bound: float, *example: str) -> Check:
    return Check(name, "events", "in_set", column, about, bound, allowed=(True,), example=example)
