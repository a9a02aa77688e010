"""What the shop's tables hold, and what is to be learned from them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from recsys_tasks.config.base import (
    Name,
    PositiveDays,
    PositiveFloat,
    PositiveInt,
    Section,
    Share,
    TimeFormat,
    TimeUnit,
    TimeZoneName,
)
from recsys_tasks.config.impressions import Impressions
from recsys_tasks.config.negatives import NegativeKind
from recsys_tasks.config.ratings import Rating
from recsys_tasks.config.statuses import Status


class Attribute(Section):
    """A declared column of the users or items table."""

    name: Name
    """Column name, also used in feature and metric names."""
    column: str | None = Field(default=None, exclude_if=lambda column: column is None)
    """Column of the table, where it has another name than the attribute, e.g. `Unit-Price`."""
    kind: Literal["categorical", "multi", "numeric", "text", "vector"]
    """categorical: one value; multi: several, joined by `separator`; numeric: a number; text: free
    text; vector: an embedding of an image, a text or a sound, of items only.
    """
    separator: Annotated[str, Field(min_length=1)] = "|"
    """Joins the values of a `multi` attribute."""
    required: bool = False
    """A missing value fails a blocking check instead of being learned as unknown."""
    minimum: float | None = None
    """Smallest allowed value of a numeric attribute, in its own unit."""
    maximum: float | None = None
    """Largest allowed value of a numeric attribute, in its own unit."""
    # Left out of hashes where unset: a shop without vectors keeps its snapshots and its towers'
    # lineage.
    dimensions: PositiveInt | None = Field(
        default=None, exclude_if=lambda dimensions: dimensions is None
    )
    """Number of values of a `vector` attribute, e.g. `{name: image, kind: vector, dimensions:
    512}`; no other kind has it.
    """

    @property
    def delivered_as(self) -> str:
        """The column's name in the delivered table."""
        return self.name if self.column is None else self.column

    @model_validator(mode="after")
    def _has_a_range(self) -> Self:
        low, high = self.minimum, self.maximum
        if low is not None and high is not None and low > high:
            raise ValueError(
                f"{self.name!r}: no number is at least {low:g} and at most {high:g}: swap the two"
            )
        return self

    @model_validator(mode="after")
    def _vectors_alone_have_dimensions(self) -> Self:
        if self.kind == "vector" and self.dimensions is None:
            raise ValueError(
                f"{self.name!r} is a vector: say how many numbers it has, e.g. dimensions: 512"
            )
        if self.kind != "vector" and self.dimensions is not None:
            raise ValueError(
                f"{self.name!r} is {self.kind}: only a vector has dimensions, leave them out"
            )
        return self


class UsersTable(Section):
    """The users table."""

    id_column: str = "user_id"
    """Column that holds the user's id, read as text."""
    attributes: tuple[Attribute, ...] = ()
    """Declared attributes."""
    segment_by: Name | None = None
    """A declared categorical attribute: fallback lists and popularity are also made per value."""


class ItemsTable(Section):
    """The items table."""

    id_column: str = "item_id"
    """Column that holds the item's id, read as text."""
    title_column: str | None = None
    """Column shown to people; null: the id is shown."""
    category: Name | None = None
    """A declared categorical attribute used for category caps and coverage."""
    # Out of every hash: it is only shown to analysts, and changes no artifact.
    price: Name | None = Field(default=None, exclude=True)
    """A declared numeric attribute: the item's price, shown to analysts in `recsys.catalogue`."""
    available_from_column: str | None = None
    """Column with the time or date from which the item exists; null: from its first event on."""
    available_from_unit: TimeUnit = Field(
        default="seconds", exclude_if=lambda unit: unit == "seconds"
    )
    """Unit of plain numbers in `available_from_column`, as for `events.timestamp_unit`; dates are
    read under every unit.
    """
    available_from_format: TimeFormat | None = Field(
        default=None, exclude_if=lambda form: form is None
    )
    """Form of text in `available_from_column`, as for `events.timestamp_format`."""
    timezone: TimeZoneName | None = Field(default=None, exclude_if=lambda zone: zone is None)
    """Time zone of `available_from_column`, as for `events.timezone`; a day begins at its midnight
    there.
    """
    # Left out of hashes where unset: a shop without ends keeps its artifacts.
    available_until_column: str | None = Field(default=None, exclude_if=lambda name: name is None)
    """Column with the time up to which the item can be had, or its last day, which counts whole;
    missing: without an end. An item whose end has come is in no list and no candidate.
    """
    available_until_unit: TimeUnit | None = Field(default=None, exclude_if=lambda u: u is None)
    """Unit of plain numbers in `available_until_column`; null: as `available_from_unit`."""
    available_until_format: TimeFormat | None = Field(default=None, exclude_if=lambda f: f is None)
    """Form of text in `available_until_column`; null: as `available_from_format`."""
    available_column: str | None = None
    """Boolean column; false: the item is in no list of the night (out of stock, hidden)."""
    attributes: tuple[Attribute, ...] = ()
    """Declared attributes."""

    @property
    def vector_attributes(self) -> tuple[Attribute, ...]:
        """Attributes that are supplied vectors."""
        return tuple(a for a in self.attributes if a.kind == "vector")

    @property
    def value_attributes(self) -> tuple[Attribute, ...]:
        """Attributes that are not supplied vectors: their values can be counted, compared and
        shown.
        """
        return tuple(a for a in self.attributes if a.kind != "vector")


class EventKind(Section):
    """One kind of interaction."""

    name: Annotated[str, Field(min_length=1)]
    """Value of the event column."""
    weight: PositiveFloat = 1.0
    """Weight of one such event in histories, popularity and training, relative to other kinds."""


class EventsTable(Section):
    """The interactions table."""

    user_column: str = "user_id"
    """Column with the user's id."""
    item_column: str = "item_id"
    """Column with the item's id."""
    timestamp_column: str = "timestamp"
    """Column with the time: a timestamp, ISO-8601 text, or plain numbers of `timestamp_unit`; UTC,
    unless `timezone` names another zone.
    """
    time_of_day_column: str | None = Field(default=None, exclude_if=lambda name: name is None)
    """Column with the time of day, where `timestamp_column` holds the day alone: `9:30`,
    `09:30:15`, `093015`, a database's TIME, or the number of the hour. Of text that is not ISO 8601
    `timestamp_format` is the form of both, with a blank between. null: there is none.
    """
    timestamp_unit: TimeUnit = Field(default="seconds", exclude_if=lambda unit: unit == "seconds")
    """Unit of plain numbers in `timestamp_column`: seconds, milliseconds, microseconds or
    nanoseconds since the epoch, or the digits of a day (20260301) or of a second (20260301235959);
    timestamps and ISO-8601 text are read under every unit.
    """
    timestamp_format: TimeFormat | None = Field(default=None, exclude_if=lambda form: form is None)
    """Form of text in `timestamp_column`, in the parts of strptime, e.g. `%d.%m.%Y %H:%M:%S`; null:
    ISO 8601. Text of another form is a fault.
    """
    timezone: TimeZoneName | None = Field(default=None, exclude_if=lambda zone: zone is None)
    """Time zone of times without an offset, e.g. `Europe/Berlin`; null: UTC. Offsets in the text,
    and numbers since the epoch, do not need one. A time that occurs twice, as clocks are set back,
    is the earlier one; one that does not exist, as they are set forward, is a fault.
    """
    event_column: str | None = "event"
    """Column with the kind of event; null: every row is of the first declared kind."""
    kinds: Annotated[tuple[EventKind, ...], Field(min_length=1, max_length=100)] = (
        EventKind(name="purchase"),
    )
    """Known kinds of event."""
    price_column: str | None = None
    """Column with the price paid or shown, in the shop's currency."""
    quantity_column: str | None = None
    """Column with the number of units; of a view, the watch time, in the unit of the item's length.
    """
    repeated_rows: Literal["duplicates", "units"] = Field(
        default="duplicates", exclude_if=lambda meaning: meaning == "duplicates"
    )
    """What a row means that equals another in every column that is read. duplicates: the delivery
    has it twice, and one counts; units: each stands for a unit, as a till writes them, and all
    count. Impressions are removed when they are repeated, under both.
    """
    impressions: Impressions | None = None
    """Logged impressions among the rows; null: there are none."""
    # Left out of hashes where empty: a shop without them keeps its artifacts.
    negatives: Annotated[tuple[NegativeKind, ...], Field(max_length=20)] = Field(
        default=(), exclude_if=lambda negatives: not negatives
    )
    """Kinds of negative event among the rows: returns, dislikes, "not interested"."""

    rating: Rating | None = Field(default=None, exclude_if=lambda rating: rating is None)
    """What the users' ratings mean; null: every row counts as its kind does, whatever was given."""

    status: Status | None = Field(default=None, exclude_if=lambda status: status is None)
    """Which rows count by a column of states; null: all do."""

    @property
    def known(self) -> tuple[str, ...]:
        """Declared values of the event column, by event code: kinds, impressions, negatives."""
        shown = (self.impressions.event,) if self.impressions else ()
        return (*(kind.name for kind in self.kinds), *shown, *(n.name for n in self.negatives))

    @property
    def first_negative(self) -> int:
        """Event code of the first of `negatives`; those of the others follow."""
        return len(self.kinds) + (self.impressions is not None)


class Watch(Section):
    """Watch time as a graded label: the watched share of an item's length, as its quantile among
    items of similar length, from 0 to 1.
    """

    length: Name
    """A declared numeric attribute of items: their length, in the unit of `events.quantity_column`.
    """
    bands: PositiveInt = 10
    """Bands of item length within which shares are compared; each holds the same number of the
    window's views.
    """
    counts_from: Share = 0.5
    """Quantile from which an item counts as relevant in the gate and in all other metrics."""


class Objective(Section):
    """Something the ranker learns to predict: P(objective within window_days | candidate)."""

    name: Name
    """Objective's name, also its model's."""
    events: Annotated[tuple[str, ...], Field(min_length=1)]
    """Kinds of event that fulfil it."""
    weight: PositiveFloat = 1.0
    """Weight in the final score, relative to the other objectives."""
    watch: Watch | None = None
    """Set for items that are watched, heard or read: the ranker then predicts the watch time."""


class AfterDays(Section):
    """Consumed items come back after a while."""

    after_days: PositiveDays
    """Days after which an item may be recommended again to the same user."""


class ActivityConfig(Section):
    """Who gets a list of their own; the others get their segment's fallback."""

    min_events: PositiveInt = 1
    """Fewest events within `within_days` before the cutoff."""
    within_days: PositiveDays = 365
    """Days looked back."""
