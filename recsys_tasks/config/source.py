"""Where the shop's rows come from, and which of them a night reads."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, field_validator

from recsys_tasks.config.base import Days, PositiveDays, PositiveFloat, PositiveInt, Section


class FilesSource(Section):
    """CSV or Parquet files, or folders of them."""

    kind: Literal["files"] = "files"
    events: str
    """File, folder or pattern (`part-*.csv`) with the interactions; `${VAR}` is replaced from the
    environment, and a relative path is one beside this file."""
    items: str
    """File or folder with the items."""
    users: str | None = None
    """File or folder with the users; None: users are those seen in the interactions."""
    # Left out of hashes where unset: a home without them goes on from the rows that it has.
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = Field(
        default=",", exclude_if=lambda sign: sign == ","
    )
    """What separates the values of CSV files."""
    encoding: str = Field(default="utf-8", exclude_if=lambda name: name == "utf-8")
    """Encoding of CSV files, e.g. latin-1 or utf-16."""
    null_words: tuple[str, ...] = Field(default=(), exclude_if=lambda words: not words)
    r"""Words that mean a missing value in CSV files, such as NULL or \N; an empty value always
    does.
    """

    @field_validator("delimiter")
    @classmethod
    def _is_a_sign(cls, sign: str) -> str:
        if not sign.isascii() or sign in '"\r\n\0':
            raise ValueError(
                f"{sign!r} cannot separate values: write one ASCII sign, no quote and no line break"
            )
        return sign

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, name: str) -> str:
        try:
            "user_id,1".encode(name).decode(
                name
            )  # hex, zlib or rot13 are codecs, and no encodings of text
        except (LookupError, UnicodeError) as error:
            raise ValueError(
                f"{name!r} is no encoding; write e.g. utf-8, latin-1, cp1252 or utf-16"
            ) from error
        return name


class ShopSource(Section):
    """The simulated shop: deterministic, with a closed loop through the published lists."""

    kind: Literal["shop"] = "shop"
    seed: int = 7
    """Random seed."""
    users: PositiveInt = 2000
    """Number of users at the end of the history."""
    items: PositiveInt = 1200
    """Number of items at the end of the history."""
    first_day: str = "2026-01-05"
    """First simulated day, YYYY-MM-DD."""
    sessions_per_user_day: PositiveFloat = 0.12
    """Mean sessions a user a day, before seasons and weekends."""

    @field_validator("first_day")
    @classmethod
    def _is_a_date(cls, text: str) -> str:
        date.fromisoformat(text)
        return text


Source = Annotated[FilesSource | ShopSource, Field(discriminator="kind")]


class ExtractConfig(Section):
    """What a night reads anew."""

    lookback_days: Days = 3
    """Days before the newest known one that are read again for late or corrected rows."""
    earliest_day: date = date(1990, 1, 1)
    """A row before this day has no readable time: its number is of another unit, or stands for an
    unknown time.
    """
    latest_days: PositiveDays = 3653
    """Nor has a row more than so many days after the night; the same range holds for launch dates
    in numbers.
    """
