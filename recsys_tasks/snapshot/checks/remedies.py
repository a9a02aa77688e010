"""What to do about each check that failed: the bound that would accept what was found, or that
there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

_BOUNDS = {
    "missing_user": "max_null_share",
    "missing_item": "max_null_share",
    "missing_time": "max_null_share",
    "missing_id": "max_null_share",
    "overlong_id": "max_bad_value_share",
    "unstorable": "max_bad_value_share",
    "unknown_user": "max_unknown_user_share",
    "unknown_item": "max_unknown_item_share",
    "fresh": "closed_days or validation.allow_empty_days",
    "volume": "volume_ratio",
    "future": "max_future_share",
}
_LOST = {
    "items_gone": ("deliver the whole items table", "max_gone_item_share"),
    "users_gone": ("deliver the whole users table", "max_gone_user_share"),
    "rows_lost": (
        "deliver every row of the days of extract.lookback_days, not the newest day's alone, or say"
        " extract.delivery: delta where the source only has what is new",
        "max_lost_row_share",
    ),
    "rows_late": (
        "set extract.lookback_days to that many days, which reads them",
        "max_late_share",
    ),
}
_DRIFTED = "look at what the shop's export writes into these columns"
_LOST |= {
    "column_drift": (_DRIFTED, "max_psi"),
    "new_values": (_DRIFTED, "max_new_value_share"),
    "missing_rise": (_DRIFTED, "max_missing_rise"),
}
_KEPT_OUT = "validation.max_bad_value_share, which keeps such items out of every list"
_READABLE = "validation.max_bad_value_share, which takes such vectors for missing"
_NUMBERS = (
    "write numbers alone, without a currency or a unit, with a point (or with a comma and"
    " source.decimal: ',') and nothing between thousands (or with the sign that source.thousands"
    " names); name words for a missing one in source.null_words"
)
_WORDS = {
    "shortened_id": (
        "export ids as text from where they are kept, without a spreadsheet or a float in between"
        " (in one: format the column as text before anything is pasted); the digits that are gone"
        " cannot be restored; if these are whole ids of this shop, set"
        " validation.allow_shortened_ids: true"
    ),
    "repeated_id": (
        "deliver one row for each id, the newest state of it, and remove older files or rows: "
        "no bound accepts two"
    ),
    "repeated": (
        "deliver each action once; where each row stands for a unit, set events.repeated_rows:"
        " units, or deliver one row with a quantity (events.quantity_column); or raise"
        " validation.max_duplicate_share"
    ),
    "unknown_event": (
        "declare each kind among events.kinds, events.negatives or events.impressions, and each"
        " status under events.status; or raise validation.max_unknown_event_share, which sets such"
        " rows aside"
    ),
    "bad_quantity": (
        "where negative quantities are returns, declare them: events.negatives: [{name: return,"
        " rows: negative_quantity, takes_back: units}]; "
        f"{_NUMBERS}, or raise validation.max_bad_value_share"
    ),
    "bad_price": f"{_NUMBERS}, or raise validation.max_bad_value_share",
    "bad_rating": (
        "deliver a rating with each row, or say what a row without one is (events.rating.unrated),"
        " and correct events.rating.minimum and maximum if the data is right; or raise"
        " validation.max_bad_value_share, which sets such rows aside"
    ),
    "bad_position": (
        "number the places of a page from 1, or raise validation.max_bad_value_share, which sets"
        " such rows aside"
    ),
    "available_readable": (
        "write true or false, 1 or 0, yes or no (a stock of 17 is none of them), and name words"
        f" for a missing one in source.null_words; or raise {_KEPT_OUT}"
    ),
    "available_from_readable": (
        "write launches as 2026-01-15, set items.available_from_unit to what numbers are, and "
        f"name words for a missing one in source.null_words; or raise {_KEPT_OUT}"
    ),
    "available_until_readable": (
        "write ends as 2026-01-15, set items.available_until_unit or available_until_format to what"
        " they are, and deliver nothing where there is no end; name words for a missing one in"
        f" source.null_words; or raise {_KEPT_OUT}"
    ),
    "columns": "deliver the declared columns",
    "null_words": (
        "name these words in source.null_words, or make them null in the query of source: such rows"
        " then count as rows without an id; or, if it is a real id, add it to validation.real_ids"
    ),
}


def remedy_for(failed: Sequence[tuple[str, str]], as_of: date) -> str:
    """What a person can do about these checks, each given as (suite, name), and how to go on."""
    words = dict.fromkeys(_remedy(suite, name, as_of) for suite, name in failed)
    return (
        f"nothing is published from this batch; {'; '.join(words)}; then run this night again: "
        f"recsys run --as-of {as_of} (under Airflow, clear the failed run)"
    )


def _remedy(suite: str, name: str, as_of: date) -> str:
    label = f"{suite}.{name}"
    if name in _LOST:
        deliver, bound = _LOST[name]
        return (
            f"{label}: {deliver}; or, if it is right, add '{as_of}' to validation.accepted_losses"
            f" (this night alone) or raise validation.{bound}"
        )
    if name.startswith("expect_"):
        return (
            f"{label}: correct the batch at the source, or change this expectation in the folder"
            " validation.own_suites if the data is right"
        )
    if suite != "events" and name in ("overlong_id", "unstorable"):
        return (
            f"{label}: correct these rows of the {suite} table: no bound accepts what cannot be"
            " stored"
        )
    if name in _WORDS:
        return f"{label}: {_WORDS[name]}"
    if name in ("users", "items"):
        return f"{label}: deliver the {name} table"
    if name.endswith("_readable"):
        return (
            f"{label}: deliver a list of as many numbers as `dimensions` says, or raise {_READABLE}"
        )
    if name.endswith("_range"):
        numbers = f"{_NUMBERS}; of a date deliver an age or a year"
        return f"{label}: {numbers}, or change {_bound(name)} in the settings if the data is right"
    return (
        f"{label}: correct the batch at the source, or change {_bound(name)} in the settings if the"
        " data is right"
    )


def _bound(name: str) -> str:
    if name in _BOUNDS:
        return f"validation.{_BOUNDS[name]}"
    if name.startswith("has_"):
        return "the attribute's `required` or validation.max_null_share"
    return "the attribute's `minimum` and `maximum` or validation.max_bad_value_share"
