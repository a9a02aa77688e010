"""The checks of a night's figures: how much came, and how much is gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from recsys_tasks.config import Config
from recsys_tasks.snapshot.checks.check import Check
from recsys_tasks.snapshot.checks.remarks import ABOUT


def night_checks(config: Config, as_of: date | None = None) -> list[Check]:
    """Checks of the night's figures; a figure that does not apply tonight is null and passes."""
    rules = config.validation
    stops = as_of is None or as_of.isoformat() not in rules.accepted_losses
    usual = "newest day over the same weekday of the four weeks before"
    later = "share of rows later than now"
    items_gone = "share of the last night's items that are gone"
    users_gone = "share of the last night's users that are gone"
    rows_lost = "share of a known day's rows that are gone"
    rows_late = "share of rows that came too late to be read"
    repeated = "times that occur twice on the clocks of their time zone"
    passed_over = "files that are not read, for their suffix"
    return [
        _figure("fresh", "newest_day_rows", "rows on the newest day", 1),
        _figure("volume", "volume_ratio", usual, *rules.volume_ratio),
        _figure("future", "future_share", later, 0, rules.max_future_share),
        _figure("users", "users", "rows in the users table", 1),
        _figure("items", "items", "rows in the items table", 1),
        _share("items_gone", items_gone, rules.max_gone_item_share, stops),
        _share("users_gone", users_gone, rules.max_gone_user_share, stops),
        _share("rows_lost", rows_lost, rules.max_lost_row_share, stops),
        _share("rows_late", rows_late, rules.max_late_share, stops),
        _share("files_passed_over", passed_over, 0, False),
        _share("repeated_times", repeated, 0, False),
        *_share_checks(config, stops),
        *(_share(name, about, 0, False) for name, about in ABOUT.items()),
    ]


def _share_checks(config: Config, stops: bool) -> list[Check]:
    """Columns that changed their look since the last night, and ids with an absurd share of the
    rows.
    """
    rules = config.validation
    stops = stops and rules.stop_on_drift
    drift = "largest PSI of a declared column against the last night"
    new = "largest share of a column's values that are new since the last night"
    rise = "largest rise of a column's share of missing values since the last night"
    words = "share of rows whose id is a word for a missing one"
    return [
        _share("column_drift", drift, rules.max_psi, stops),
        _share("new_values", new, rules.max_new_value_share, stops),
        _share("missing_rise", rise, rules.max_missing_rise, stops),
        _share("one_user", "largest share of rows by one user", rules.max_user_share, False),
        _share("one_item", "largest share of rows with one item", rules.max_item_share, False),
        _share("null_words", words, 0, True),
    ]


def _figure(
    name: str, column: str, about: str, minimum: float, maximum: float | None = None
) -> Check:
    return Check(name, "night", "between", column, about, minimum=minimum, maximum=maximum)


def _share(name: str, about: str, maximum: float, blocking: bool) -> Check:
    """From 0 to `maximum`, of a figure of the check's name."""
    return replace(_figure(name, name, about, 0, maximum), blocking=blocking)
