"""The bounds of the data checks."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import Field, field_validator

from recsys_tasks.config.base import PositiveDays, PositiveFloat, Section, Share

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class ValidationConfig(Section):
    """The data checks."""

    max_unknown_item_share: Share = 0.05
    """Blocking above this share of tonight's rows whose item is not in the items table."""
    max_unknown_user_share: Share = 0.05
    """Blocking above this share of tonight's rows whose user is not in the users table."""
    max_unknown_event_share: Share = 0.0
    """Blocking above this share of tonight's rows with an undeclared kind of event."""
    max_null_share: Share = 0.0
    """Blocking above this share of tonight's rows with a missing id or timestamp."""
    max_duplicate_share: Share = 0.05
    """Blocking above this share of exact duplicate rows; duplicates are removed and counted."""
    max_future_share: Share = 0.0
    """Blocking above this share of tonight's rows with a timestamp later than `now`."""
    max_bad_value_share: Share = 0.01
    """Blocking above this share of tonight's rows with a price or quantity outside its range."""
    volume_ratio: tuple[PositiveFloat, PositiveFloat] = (0.2, 5.0)
    """Blocking when the newest day's rows, over the mean of the same weekday in the four weeks
    before, fall outside.
    """
    closed_days: tuple[str, ...] = ()
    """Days on which the shop is closed: YYYY-MM-DD, or a weekday name in lower case."""
    allow_empty_days: bool = False
    """True: a day without rows is a normal day, also when it is not a closed day."""
    max_quarantine_days: PositiveDays = 30
    """Days for which set-aside rows are tried again each night."""
    max_gone_item_share: Share = 0.2
    """Blocking above this share of the last accepted night's items that tonight's table lacks."""
    max_gone_user_share: Share = 0.2
    """Blocking above this share of the last accepted night's users that tonight's table lacks."""
    max_lost_row_share: Share = 0.2
    """Blocking above this share of a known day's rows that the source does not deliver any more;
    days of fewer than 20 rows are looked at together."""
    max_late_share: Share = 0.05
    """Blocking above this share of new rows that are of days before the lookback, which no night
    reads any more.
    """
    max_psi: PositiveFloat = 0.25
    """Warns above this population stability index of a declared column of users or items, against
    the last accepted night's table; below 0.1 nothing has changed."""
    max_new_value_share: Share = 0.5
    """Warns above this share of a column's values that no row had on the last accepted night."""
    max_missing_rise: Share = 0.1
    """Warns when the share of rows that lack a declared attribute has risen by more since the last
    accepted night: 0.1 is from 2 % to 12 %."""
    stop_on_drift: bool = False
    """True: the three checks above stop the night instead of warning."""
    max_value_ratio: PositiveFloat = Field(default=100.0, exclude_if=lambda ratio: ratio == 100.0)
    """Warns when the largest price, quantity, rating or numeric attribute is more than so many
    times what 99 of 100 are below."""
    max_zero_price_share: Share = Field(default=0.01, exclude_if=lambda share: share == 0.01)
    """Warns above this share of prices that are 0."""
    max_user_share: Share = 0.1
    """Warns above this share of tonight's rows by one user: a bot, or a test account."""
    max_item_share: Share = 0.5
    """Warns above this share of tonight's rows with one item."""
    max_times_next: PositiveFloat = Field(default=5.0, exclude_if=lambda times: times == 5.0)
    """Warns when a user or an item with at least 1 % of tonight's rows has more than so many times
    those of the next one, though less than the shares above: a till, a test account."""
    max_unit_share: Share = Field(default=0.5, exclude_if=lambda share: share == 0.5)
    """Warns above this share of tonight's units (`events.quantity_column`), or of the weight of
    tonight's rows (`weight` of their kinds), by one user or of one item."""
    real_ids: tuple[str, ...] = ()
    """Ids such as `guest` or `0` that elsewhere stand for a missing id, and are a user or an item
    here; without it, one with an absurd share of the rows stops the night."""
    allow_shortened_ids: bool = Field(default=False, exclude_if=lambda allowed: not allowed)
    """True: ids that look as if a spreadsheet had shortened them, such as `4.00638E+12`,
    `1234567890123450000` or `123.0` beside `123`, are whole here and taken as they are written."""
    accepted_losses: tuple[str, ...] = ()
    """Nights, YYYY-MM-DD, whose lost, late or drifted data a person has found right: their checks
    only warn on them.
    """

    own_suites: str | None = Field(
        default="expectations", exclude_if=lambda folder: folder == "expectations"
    )
    """Folder beside this file with suites of your own for Great Expectations, where there is one:
    events.yaml, items.yaml, users.yaml (docs/how-to/own-checks.md); null: none are read."""

    @field_validator("accepted_losses", "closed_days", mode="before")
    @classmethod
    def _as_text(cls, days: Any) -> Any:
        """A date without quotes is no text to YAML."""
        return (
            [d.isoformat() if isinstance(d, date) else d for d in days]
            if isinstance(days, list | tuple)
            else days
        )

    @field_validator("accepted_losses")
    @classmethod
    def _are_dates(cls, nights: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(date.fromisoformat(night).isoformat() for night in nights)

    @field_validator("closed_days")
    @classmethod
    def _are_days(cls, days: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(day if day in _WEEKDAYS else _closed_date(day) for day in days)

    @field_validator("volume_ratio")
    @classmethod
    def _is_a_range(cls, ratio: tuple[float, float]) -> tuple[float, float]:
        if ratio[0] > ratio[1]:
            raise ValueError(
                f"no ratio is at least {ratio[0]:g} and at most {ratio[1]:g}: swap the two"
            )
        return ratio


def _closed_date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        meant = (
            f"{text.lower()!r}"
            if text.lower() in _WEEKDAYS
            else f"YYYY-MM-DD or one of {', '.join(_WEEKDAYS)}"
        )
        raise ValueError(f"{text!r} is no day: write {meant}") from error
