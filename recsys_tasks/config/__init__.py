"""The one settings file, as frozen and checked values.

`load_config(path)` reads `include/recsys.yaml` and returns a `Config`, or raises one ConfigError
that lists every mistake at once. Nothing else in the package reads the environment or the file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from recsys_tasks.config import cron
from recsys_tasks.config.mistakes import mistake_words, read_yaml, refuse_unstorable
from recsys_tasks.errors import ConfigError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
DEFAULT_CONFIG = PROJECT_ROOT / "include" / "recsys.yaml"

Share = Annotated[float, Field(ge=0.0, le=1.0)]
PositiveInt = Annotated[int, Field(ge=1)]
NonNegativeInt = Annotated[int, Field(ge=0)]
NonNegativeFloat = Annotated[float, Field(ge=0.0)]
Days = Annotated[int, Field(ge=0, le=700_000)]
PositiveDays = Annotated[int, Field(ge=1, le=700_000)]
"""So many days before a night there still was a year."""
PositiveFloat = Annotated[float, Field(gt=0.0)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
TimeUnit = Literal[
    "seconds", "milliseconds", "microseconds", "nanoseconds", "yyyymmdd", "yyyymmddhhmmss"
]


class Section(BaseModel):
    """A part of the settings file: frozen, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )


# --- what the shop's tables hold ---------------------------------------------------------------


class Attribute(Section):
    """A declared column of the users or items table."""

    name: Name
    """Column name, also used in feature and metric names."""
    column: str | None = Field(default=None, exclude_if=lambda column: column is None)
    """Column of the table, where it has another name than the attribute, e.g. `Unit-Price`."""
    kind: Literal["categorical", "multi", "numeric", "text", "vector"]
    """categorical: one value; multi: several, joined by `separator`; numeric; text: free words;
    vector: numbers that an encoder made of an image, a text or a sound, of items only."""
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
    """How many numbers a `vector` attribute has, e.g. `{name: image, kind: vector, dimensions:
    512}`; of no other.
    """

    @property
    def delivered_as(self) -> str:
        """The column of the table."""
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
    """Column shown to people; the id is shown where it is None."""
    category: Name | None = None
    """A declared categorical attribute used for category caps and coverage."""
    available_from_column: str | None = None
    """Column with the UTC time or date from which the item exists; None: its first event."""
    available_from_unit: TimeUnit = Field(
        default="seconds", exclude_if=lambda unit: unit == "seconds"
    )
    """What plain numbers in `available_from_column` are, as `events.timestamp_unit`; dates are read
    under each.
    """
    available_column: str | None = None
    """Boolean column: false keeps the item out of tonight's lists (out of stock, hidden)."""
    attributes: tuple[Attribute, ...] = ()
    """Declared attributes."""

    @property
    def vector_attributes(self) -> tuple[Attribute, ...]:
        """Attributes that are supplied vectors."""
        return tuple(a for a in self.attributes if a.kind == "vector")

    @property
    def value_attributes(self) -> tuple[Attribute, ...]:
        """All others: what can be counted, compared and shown."""
        return tuple(a for a in self.attributes if a.kind != "vector")


class EventKind(Section):
    """One kind of interaction."""

    name: Annotated[str, Field(min_length=1)]
    """Value of the event column."""
    weight: PositiveFloat = 1.0
    """How much one such event counts in histories, popularity and training, relative to others."""


class Impressions(Section):
    """Rows that say what a user was shown: no action, so they count nowhere but in the rankers'
    negatives.
    """

    event: str
    """Value of the event column in such rows; not one of `kinds`."""
    position_column: str
    """Column with the item's place on the page, from 1."""
    examination_power: PositiveFloat = 1.0
    """An item at place p is looked at with probability p^-power; what was acted on weighs the
    inverse of it.
    """
    max_weight: Annotated[float, Field(ge=1.0)] = 10.0
    """Largest such weight."""


class EventsTable(Section):
    """The interactions table."""

    user_column: str = "user_id"
    """Column with the user's id."""
    item_column: str = "item_id"
    """Column with the item's id."""
    timestamp_column: str = "timestamp"
    """Column with the UTC time: a timestamp, ISO-8601 text, or plain numbers of `timestamp_unit`.
    """
    timestamp_unit: TimeUnit = Field(default="seconds", exclude_if=lambda unit: unit == "seconds")
    """What plain numbers in `timestamp_column` are: so many seconds (or less) since the epoch, or
    the digits of a day (20260301) or of a second (20260301235959); timestamps and ISO-8601 text are
    read under each."""
    event_column: str | None = "event"
    """Column with the kind of event; None: every row is the first declared kind."""
    kinds: Annotated[tuple[EventKind, ...], Field(min_length=1, max_length=100)] = (
        EventKind(name="purchase"),
    )
    """Known kinds of event."""
    price_column: str | None = None
    """Column with the price paid or shown, in the shop's currency."""
    quantity_column: str | None = None
    """Column with the number of units; of a view, how much was watched, in the unit of the item's
    length.
    """
    impressions: Impressions | None = None
    """Logged showings among the rows, if there are any."""

    @property
    def known(self) -> tuple[str, ...]:
        """Values of the event column that are declared, each at its code; that of showings is the
        last.
        """
        shown = (self.impressions.event,) if self.impressions else ()
        return (*(kind.name for kind in self.kinds), *shown)


class Watch(Section):
    """Not whether but how much: the share of an item's length, ranked among items about as long,
    from 0 to 1.
    """

    length: Name
    """A declared numeric attribute of items: their length, in the unit of `events.quantity_column`.
    """
    bands: PositiveInt = 10
    """Bands of length within which shares are compared; each holds equally many of the window's
    views.
    """
    counts_from: Share = 0.5
    """Rank from which an item counts as found in the gate and all other measures."""


class Objective(Section):
    """Something the ranker learns to predict: P(objective within window_days | candidate)."""

    name: Name
    """Objective's name, also its model's."""
    events: Annotated[tuple[str, ...], Field(min_length=1)]
    """Kinds of event that fulfil it."""
    weight: PositiveFloat = 1.0
    """Share in the final score, relative to the other objectives."""
    watch: Watch | None = None
    """Set for what is watched, heard or read: the ranker then predicts how much of it."""


class AfterDays(Section):
    """Consumed items come back after a while."""

    after_days: PositiveDays
    """Days after which an item may be recommended again to the same user."""


# --- where rows come from ----------------------------------------------------------------------


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
    """Blocking above this share of the last night's items that tonight's items table lacks."""
    max_gone_user_share: Share = 0.2
    """Blocking above this share of the last night's users that tonight's users table lacks."""
    max_lost_row_share: Share = 0.2
    """Blocking above this share of a known day's rows that the source does not deliver any more;
    days of fewer than 20 rows are looked at together."""
    max_late_share: Share = 0.05
    """Blocking above this share of new rows that are of days before the lookback, which no night
    reads any more.
    """
    accepted_losses: tuple[str, ...] = ()
    """Nights, YYYY-MM-DD, on which a person has seen that what is gone or late is right: those four
    checks warn.
    """

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


_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


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


# --- models ------------------------------------------------------------------------------------


class FeaturesConfig(Section):
    """Windows of the features."""

    popularity_days: Annotated[tuple[PositiveDays, ...], Field(min_length=1)] = (1, 3, 7, 28, 90)
    """Popularity is counted over each of these windows, in days."""
    history_half_life_days: PositiveFloat = 60.0
    """A user's own events lose half their weight in this time."""
    history_items: PositiveInt = 50
    """Newest events kept of a user's history for similarity features."""


class WarmStartConfig(Section):
    """How tonight's tower starts from yesterday's."""

    epochs: PositiveInt = 2
    """Passes over the new days plus the replay sample."""
    learning_rate: PositiveFloat = 0.001
    """Adam step size at their start; it falls to `two_tower.final_rate`."""
    replay_ratio: NonNegativeFloat = 30.0
    """Replayed old examples for each new one, drawn with recency weights."""
    replay_half_life_days: PositiveFloat = 60.0
    """Age at which an old example is half as likely to be replayed."""
    replay_events_per_item: PositiveInt = 500
    """An old example gives way to a newer one of its item, where the item has this many events
    since.
    """
    young_item_days: Days = 28
    """An item is young for this long; 0: no item is."""
    young_replays: NonNegativeFloat = 1.5
    """Times that every night replays each example of a young item, up to as many as the other
    replay; 1.5: half of them once, half of them twice."""
    min_examples: PositiveInt = 2048
    """Replay fills up to at least this many examples."""
    accumulator_half_life_days: PositiveFloat = 30.0
    """Optimizer accumulators lose half their value in this time, so that ids stay movable."""
    archive_after_days: PositiveDays = 180
    """An id absent from the catalogue for this long moves to the archive, with its vector."""
    refresh_floor: Share = 0.85
    """Share of the previous version's recall on held-back new rows that tonight's must reach to
    serve.
    """
    max_new_share: Share = 0.1
    """Where more than this share of all events is newer than the version before, a version is
    trained cold.
    """
    cold_every_nights: PositiveInt = 90
    """A lineage older than this many nights is replaced by a cold one."""
    control_every_nights: NonNegativeInt = 30
    """So often a cold tower is trained beside the warm one, to find out what the chain has lost; 0:
    never.
    """
    control_floor: Share = 0.9
    """A chain that surely finds less than this share of what its cold control does is replaced by a
    cold one.
    """


class TwoTowerConfig(Section):
    """The retrieval model."""

    dimensions: PositiveInt = 256
    """Size of every embedding and of both towers' outputs, of all members together."""
    members: PositiveInt = 2
    """Towers trained side by side on the same batches, each with its share of the dimensions; their
    scores' mean serves."""
    history_length: PositiveInt = 100
    """Newest events of the user that enter the user tower."""
    max_item_values: PositiveInt = 16
    """Attribute values kept for an item (all attributes together); where there are more, words of
    texts give way.
    """
    numeric_buckets: PositiveInt = 16
    """Quantile buckets of a numeric attribute."""
    text_buckets: PositiveInt = 20_000
    """Hash buckets of the words of text attributes, and of each two neighbouring words."""
    use_user_attributes: bool = True
    """Feed declared user attributes into the user tower."""
    user_history: Literal["pooled"] = "pooled"
    """How the history is summarised, the only way there is: learned position decay over item input
    embeddings.
    """
    metric: Literal["cosine", "dot"] = "cosine"
    """cosine: unit vectors and `logit_scale`; dot: raw inner products."""
    logit_scale: PositiveFloat = 14.0
    """Multiplies cosine scores inside the softmax (TFRS calls 1/logit_scale temperature)."""
    dropout: Share = 0.5
    """Share of input embedding components dropped from histories while training."""
    item_dropout: Share = 0.25
    """Share of item vector components dropped while training."""
    learning_rate: PositiveFloat = 0.005
    """Adam step size at the start of a training, at the default batch size."""
    final_rate: PositiveFloat = 0.00025
    """Adam step size at its end; it falls evenly from the one to the other."""
    batch_size: PositiveInt = 1024
    """Examples a step; the in-batch softmax costs batch_size² products."""
    epochs: PositiveInt = 12
    """Passes over the examples of a cold training."""
    max_examples: PositiveInt = 4_000_000
    """A cold training uses at most this many examples, the newest."""
    newest_per_user: PositiveInt = 150
    """Newest target events of one user that a cold training draws from."""
    examples_per_user: PositiveInt = 50
    """Of them, those that one epoch uses: others in each, so that a wholesaler is known without
    outvoting all.
    """
    warm_start: WarmStartConfig = WarmStartConfig()
    """The warm chain."""

    @model_validator(mode="after")
    def _shares_are_even(self) -> Self:
        if self.dimensions % self.members:
            raise ValueError(
                f"{self.dimensions} dimensions cannot be shared evenly by {self.members} members: "
                f"make dimensions a multiple of {self.members}"
            )
        return self


class IndexConfig(Section):
    """Nearest-neighbour search over item vectors."""

    exact_below: PositiveInt = 20_000
    """Catalogues with fewer items than this are searched exactly."""
    recall_k: PositiveInt = 100
    """Recall is measured among this many neighbours."""
    recall_floor: Share = 0.98
    """An index below this recall against exact search is built finer; below it still, exact search
    serves.
    """
    sample_users: PositiveInt = 1000
    """Users whose neighbours an index is tuned on, and as many others that its recall is measured
    on.
    """


class EmbeddingsConfig(Section):
    """Item and user vectors for use elsewhere."""

    publish: bool = False
    """Load tonight's vectors into PostgreSQL with HNSW indexes; needs the extension vector
    (pgvector) there.
    """


class GeneratorsConfig(Section):
    """Candidates asked of each generator, a user; 0 switches one off."""

    two_tower: NonNegativeInt = 400
    """Nearest items to the user's vector."""
    covisitation: NonNegativeInt = 400
    """Items that follow or accompany the user's last items."""
    own_history: NonNegativeInt = 400
    """The user's own items, decayed; needs repeat_consumption allow or after_days."""
    segment_popular: NonNegativeInt = 350
    """Popular in the user's segment."""
    trending: NonNegativeInt = 20
    """Largest growth over the last week."""
    fresh: NonNegativeInt = 20
    """New items, by content."""
    max_candidates: PositiveInt = 300
    """Candidates kept a user after the union, by reciprocal-rank fusion."""


class SearchConfig(Section):
    """A search for better hyper-parameters of the heavy ranker; the best are kept in
    release.json.
    """

    trials: NonNegativeInt = 0
    """Settings tried, each by a training on half of the users; 0: off."""
    seconds: PositiveFloat = 600.0
    """No trial begins after this long, so a search that it ends early may differ from night to
    night.
    """


class RankerConfig(Section):
    """The LightGBM rankers."""

    mode: Literal["light_and_heavy", "heavy", "none"] = "light_and_heavy"
    """heavy: the heavy ranker sees every candidate; none: the retrieval order is served, whatever
    is champion.
    """
    windows: PositiveInt = 5
    """Most label windows before the gate window; older ones than `max_users` needs are left out."""
    max_users: PositiveInt = 20_000
    """Users with a label in all windows together, the newest windows first."""
    negatives_per_user: PositiveInt = 150
    """Sampled unclicked candidates of one user and window, weighted back."""
    light_survivors: PositiveInt = 200
    """Candidates that the light ranker passes on."""
    light_trees: PositiveInt = 60
    """Trees of the light ranker."""
    heavy_trees: PositiveInt = 200
    """Trees of each member of the heavy ranker."""
    heavy_members: PositiveInt = 2
    """Heavy rankers of an objective, each with its own draws of features and thresholds; their mean
    orders.
    """
    leaves: PositiveInt = 31
    """Leaves of a tree."""
    extra_trees: bool = True
    """Draw one threshold a feature and node of the heavy ranker instead of searching for the best,
    in seven of eight trees."""
    learning_rate: PositiveFloat = 0.05
    """Shrinkage of each tree."""
    min_leaf_rows: PositiveInt = 50
    """Fewest rows of a leaf."""
    feature_share: Share = 0.7
    """Share of features drawn for each tree."""
    loss: Literal["lambdarank", "binary"] = "lambdarank"
    """Listwise or pointwise objective; the light ranker is pointwise too where several objectives
    are mixed.
    """
    monotone: dict[str, Literal[-1, 1]] = {}
    """Column of the rankers' input → 1: scores never fall where it grows; -1: they never rise
    (docs/features.md).
    """
    search: SearchConfig = SearchConfig()
    """Search for hyper-parameters, on label windows only."""
    calibration_users: Share = 0.15
    """Share of users held out of the rankers to fit the calibration."""


class ItemRule(Section):
    """What an item must be like to be shown; an item that breaks it is unavailable tonight."""

    attribute: Name
    """A declared item attribute."""
    required: bool = False
    """A missing value breaks the rule."""
    minimum: float | None = None
    """Smallest value of a numeric attribute that is shown, e.g. of a quality score."""
    maximum: float | None = None
    """Largest value of a numeric attribute that is shown."""
    banned: tuple[str, ...] = ()
    """Values of a categorical, multi-valued or text attribute that are not shown."""


class RerankConfig(Section):
    """What happens after scoring, and what is never shown."""

    item_rules: tuple[ItemRule, ...] = ()
    """Quality rules on items' attributes; all must hold."""
    hidden_items: tuple[str, ...] = ()
    """Item ids that moderators took out; an item that must go at once: recsys.item_availability."""
    max_per_category: NonNegativeInt = 0
    """Items of one category among the first k; 0: no cap."""
    diversity: Share = 0.0
    """Weight of being unlike the items before (1 - λ of maximal marginal relevance) in the first k;
    0: off.
    """
    diversity_by: Literal["tower", "content"] = "tower"
    """What items are alike by: the tower's vectors, or their declared attributes."""
    fresh_slots: NonNegativeInt = 0
    """Places among the first k reserved for fresh items, with logged propensity."""
    promoted_items: tuple[str, ...] = ()
    """Item ids put first for everyone who may see them."""


class GateConfig(Section):
    """When a challenger replaces the champion."""

    metric: Literal["ndcg@10"] = "ndcg@10"
    """What is compared, on the gate window."""
    margin: NonNegativeFloat = 0.0
    """Smallest relative gain that counts as better."""
    confidence: Annotated[float, Field(gt=0.5, lt=1.0)] = 0.975
    """One-sided confidence of the paired bootstrap; 1 - confidence of equally good challengers are
    taken for better.
    """
    non_inferior_margin: Share = 0.01
    """Relative loss within which a challenger counts as not worse."""
    non_inferior_after_days: PositiveDays = 7
    """A champion older than this many days is replaced by one that is not worse, also than the
    anchor.
    """
    anchor_days: PositiveDays = 90
    """The champion becomes the anchor when the present one was fixed this many days ago."""
    min_users: PositiveInt = 100
    """Fewest users with a positive in the window; below it nothing is promoted."""
    min_slice_users: PositiveInt = 100
    """Fewest users of a guarded slice."""
    slice_bound: Share = 0.05
    """Relative loss in a slice, with its whole interval past it, that holds a release."""
    max_calibration_error: Share = 0.05
    """Largest expected calibration error."""
    max_calibration_ratio: PositiveFloat = 1.0
    """Largest calibration error, beyond chance, over the rate said or the rate come true, whichever
    is less; 1: off by a factor of two."""
    min_coverage_ratio: Share = 0.5
    """Challenger's item coverage divided by the champion's."""
    max_popularity_rise: Share = 0.1
    """How much larger a share of all places the 1 % most popular items may take than under the
    champion.
    """
    max_cost_ratio: PositiveFloat = 2.0
    """Challenger's tree nodes a user divided by the champion's."""
    max_popularity_overlap: Share = 0.95
    """A challenger with a larger share of its places in common with plain popularity is plain
    popularity.
    """
    max_column_auc: Share = 0.99
    """A feature that alone orders users' candidates better than this knows what it cannot know."""
    max_share_of_perfect: Share = 0.95
    """Largest share of what the same lists would reach with the future's items first."""
    bootstrap_samples: PositiveInt = 1000
    """Resamples of the paired bootstrap."""
    wait_minutes: PositiveInt = 30
    """How long a gate waits for another one before it refuses."""
    approval: bool = False
    """True: a promotion waits for a person in Airflow; the night goes on with the champion
    meanwhile.
    """
    approval_hours: PositiveInt = 12
    """How long it waits; without an answer the champion stays. Shorter than the time between two
    nights, which it would block."""


class ServingConfig(Section):
    """The published lists."""

    k: PositiveInt = 20
    """Items of a list."""
    spares: NonNegativeInt = 10
    """Further items kept for topping up."""
    shards: PositiveInt = 4
    """Tasks among which the users are divided."""
    parallel_shards: PositiveInt = 2
    """Shards that run at once; each uses `resources.threads` divided by this many threads."""
    block_users: PositiveInt = 256
    """Users handled at once within a shard."""
    similar_items: NonNegativeInt = 20
    """Neighbours published for each item; 0: none."""
    keep_publications: PositiveInt = 30
    """Publications kept besides those in use."""
    min_coverage: Share = 0.01
    """Share of the items on offer that the first k of all lists together must show."""
    max_identical_share: Share = 0.5
    """Largest share of users with the very same list, fallback lists apart."""


class ActivityConfig(Section):
    """Who gets a list of their own; the others get their segment's fallback."""

    min_events: PositiveInt = 1
    """Fewest events within `within_days` before the cutoff."""
    within_days: PositiveDays = 365
    """Days looked back."""


class MonitoringConfig(Section):
    """Alarms on published lists."""

    stale_after_hours: PositiveFloat = 30.0
    """Age of the newest publication that raises an alert."""
    late_after_hours: PositiveFloat | None = None
    """Hours after `schedule.nightly` by which a night's lists must be published, else it is missed
    and raises an alert; null: twice what the last two weeks' nights took (the median), at least 2
    and at most 6; 4 before there were any."""
    max_list_churn: Share = 0.95
    """Share of first-k places that may change between two nights of one release."""
    max_psi: PositiveFloat = 0.25
    """Population stability index that raises a drift alarm: the newest day's kinds of event against
    the four weeks before, and the scores of tonight's lists against the last ones of the same
    release."""
    max_quality_drop: Share = 0.3
    """Share that the realised NDCG@10 may lie below the median of the four weeks before."""


class ReportConfig(Section):
    """The night's run report."""

    sample_users: NonNegativeInt = 4
    """Users whose lists are shown with reasons; 0: none, and no user id is in the report."""
    size_curve: bool = False
    """Train the light ranker again on shares of its users, to show whether more data would still
    help.
    """


class AlertsConfig(Section):
    """Where alerts go; every alert is also a row of recsys.alerts."""

    slack_connection: str | None = "slack_alerts"
    """Airflow connection id of a Slack incoming webhook; used where it exists."""
    webhook_connection: str | None = "alert_webhook"
    """Airflow connection id of a generic JSON webhook (HTTP); used where it exists."""
    runbook_base: str = "include/runbooks"
    """Folder or URL that the alert's runbook link starts with."""


class ScheduleConfig(Section):
    """Cron of the DAGs that no asset triggers, in UTC; the rest of the chain follows by assets."""

    nightly: str = "0 1 * * *"
    """validate_data, and with it the whole chain."""
    watch_freshness: str = "0 * * * *"
    """watch_freshness."""
    maintain_storage: str = "0 12 * * 0"
    """maintain_storage."""
    train_ranker_every_days: PositiveDays = 1
    """A night on which the ranker is not due serves with the champion."""
    train_two_tower_every_days: PositiveDays = 1
    """A night on which the tower is not due serves with the newest version of its lineage."""

    @field_validator("nightly", "watch_freshness", "maintain_storage")
    @classmethod
    def _fires(cls, expression: str) -> str:
        """Airflow turns a cron that it cannot keep into a DAG that never runs."""
        if words := cron.mistake(expression):
            raise ValueError(words)
        return expression


class ResourcesConfig(Section):
    """Threads and seeds."""

    threads: PositiveInt = 2
    """Threads of each library within one task."""
    seed: int = 1
    """Seed of every random draw."""


class Config(Section):
    """The whole settings file."""

    project: Name
    """Name of the shop; also the registered model's."""
    clock: Literal["wall", "simulated"] = "wall"
    """simulated: `now` is as_of 01:00 UTC, so that history is not years stale."""
    source: Source
    """Where rows come from."""
    users: UsersTable = UsersTable()
    """The users table."""
    items: ItemsTable = ItemsTable()
    """The items table."""
    events: EventsTable = EventsTable()
    """The interactions table."""
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1)]
    """What the rankers learn."""
    repeat_consumption: Literal["allow", "forbid"] | AfterDays = "allow"
    """Whether an item that the user had any event with before the night's cutoff may be recommended
    again, on any path: own lists, spares, top-ups and fallbacks."""
    label_window_days: PositiveDays = 7
    """W: labels, the gate and the scores' meaning all span this many days."""
    learning_lag_days: Days = 0
    """Days by which learned parameters end before the histories (papers' leave-one-out: 1)."""
    min_history_days: PositiveDays = 14
    """Days of data a label window needs before it."""
    activity: ActivityConfig = ActivityConfig()
    """Who gets a list of their own."""
    extract: ExtractConfig = ExtractConfig()
    """What a night reads anew."""
    validation: ValidationConfig = ValidationConfig()
    """The data checks."""
    features: FeaturesConfig = FeaturesConfig()
    """Feature windows."""
    two_tower: TwoTowerConfig = TwoTowerConfig()
    """The retrieval model."""
    index: IndexConfig = IndexConfig()
    """The index."""
    embeddings: EmbeddingsConfig = EmbeddingsConfig()
    """Vectors to use elsewhere."""
    generators: GeneratorsConfig = GeneratorsConfig()
    """Candidate quotas."""
    ranker: RankerConfig = RankerConfig()
    """The rankers."""
    rerank: RerankConfig = RerankConfig()
    """Business rules."""
    gate: GateConfig = GateConfig()
    """The release gate."""
    serving: ServingConfig = ServingConfig()
    """The published lists."""
    monitoring: MonitoringConfig = MonitoringConfig()
    """Alarms."""
    report: ReportConfig = ReportConfig()
    """The run report."""
    alerts: AlertsConfig = AlertsConfig()
    """Alert channels."""
    schedule: ScheduleConfig = ScheduleConfig()
    """When things run."""
    resources: ResourcesConfig = ResourcesConfig()
    """Threads and seeds."""
    _folder: Path | None = PrivateAttr(default=None)

    @property
    def folder(self) -> Path | None:
        """Where the settings file is: what a relative path of `source` starts from; None without a
        file.
        """
        return self._folder

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        mistakes = list(_naming_mistakes(self))
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self

    @property
    def event_codes(self) -> dict[str, int]:
        """Kind of event → its small integer code, in declared order."""
        return {kind.name: code for code, kind in enumerate(self.events.kinds)}

    @property
    def event_weights(self) -> tuple[float, ...]:
        """Weight of each event code."""
        return tuple(kind.weight for kind in self.events.kinds)

    def objective_codes(self, objective: Objective) -> tuple[int, ...]:
        """Event codes that fulfil the objective."""
        return tuple(self.event_codes[name] for name in objective.events)


def _naming_mistakes(config: Config) -> list[str]:
    mistakes: list[str] = []
    for table, attributes in (
        ("users", config.users.attributes),
        ("items", config.items.attributes),
    ):
        names = [a.name for a in attributes]
        mistakes += [
            f"{table}.attributes: {n!r} is declared twice"
            for n in sorted(set(names))
            if names.count(n) > 1
        ]
    mistakes += _vector_mistakes(config)
    mistakes += _reserved_mistakes(config)
    kinds = [kind.name for kind in config.events.kinds]
    if len(set(kinds)) < len(kinds):
        mistakes.append("events.kinds: a name is declared twice")
    if config.events.impressions and config.events.impressions.event in kinds:
        mistakes.append(
            f"events.impressions: {config.events.impressions.event!r} is one of events.kinds: name"
            " it once"
        )
    if config.events.impressions and config.events.event_column is None:
        mistakes.append(
            "events.impressions: needs events.event_column to tell showings from actions"
        )
    aims = [objective.name for objective in config.objectives]
    mistakes += [
        f"objectives: {name!r} is declared twice"
        for name in sorted(set(aims))
        if aims.count(name) > 1
    ]
    for objective in config.objectives:
        mistakes += [
            f"objectives.{objective.name}: event {e!r} is not one of events.kinds {kinds}"
            for e in objective.events
            if e not in kinds
        ]
        mistakes += [
            f"objectives.{objective.name}.watch: {words}"
            for words in _watch_mistakes(config, objective)
        ]
    categorical = {a.name for a in config.users.attributes if a.kind == "categorical"}
    if config.users.segment_by and config.users.segment_by not in categorical:
        mistakes.append(
            f"users.segment_by: {config.users.segment_by!r} is not a declared categorical attribute"
        )
    kinds_of = {a.name: a.kind for a in config.items.attributes}
    for number, rule in enumerate(config.rerank.item_rules):
        mistakes += [
            f"rerank.item_rules.{number}: {words}" for words in _rule_mistakes(rule, kinds_of)
        ]
    if (
        config.rerank.diversity
        and config.rerank.diversity_by == "content"
        and not config.items.value_attributes
    ):
        mistakes.append("rerank.diversity_by: content needs items.attributes other than vectors")
    declared = {a.name for a in config.items.attributes if a.kind == "categorical"}
    if config.items.category and config.items.category not in declared:
        mistakes.append(
            f"items.category: {config.items.category!r} is not a declared categorical attribute"
        )
    return mistakes + _approval_mistakes(config)


def _approval_mistakes(config: Config) -> list[str]:
    """A run that waits for its approval holds the next night's train_ranker back: one run at a
    time.
    """
    gate, hours = config.gate, cron.shortest_gap(config.schedule.nightly).total_seconds() / 3600
    if not gate.approval or gate.approval_hours < hours:
        return []
    words = (
        f"{gate.approval_hours} hours hold the next night back, which comes {hours:g} hours after"
        " this one"
    )
    return [f"gate.approval_hours: {words}: give less than {hours:g}"]


_RESERVED = {
    "users": ("user_id", "user_key"),
    "items": (
        "item_id",
        "item_key",
        "available",
        "available_from",
        "available_fault",
        "available_from_fault",
    ),
}
"""Columns that every snapshot has of its own."""


def _reserved_mistakes(config: Config) -> list[str]:
    own = {
        "available": "name it in items.available_column, if it says whether the item can be had",
        "available_from": "name it in items.available_from_column, if it says since when",
    }
    return [
        f"{table}.attributes: {a.name!r} is a column that each table of {table} has of its own: "
        f"{own.get(a.name, 'leave it out')}, or give the attribute another name, e.g. "
        f"{{name: shop_{a.name}, column: {a.delivered_as}, kind: {a.kind}}}"
        for table, attributes in (
            ("users", config.users.attributes),
            ("items", config.items.attributes),
        )
        for a in attributes
        if a.name in _RESERVED[table]
    ]


def _vector_mistakes(config: Config) -> list[str]:
    mistakes = [
        f"users.attributes: {a.name!r} is a vector, which only items may have: leave it out, or"
        " declare another kind"
        for a in config.users.attributes
        if a.kind == "vector"
    ]
    mistakes += [
        f"items.attributes: 'title' is text that people read, not {a.kind}: give the attribute"
        f" another name, e.g. {{name: shop_title, column: {a.delivered_as}, kind: {a.kind}}}"
        for a in config.items.attributes
        if a.name == "title" and a.kind in ("vector", "numeric")
    ]
    return mistakes


def _watch_mistakes(config: Config, objective: Objective) -> list[str]:
    if objective.watch is None:
        return []
    numeric = sorted(a.name for a in config.items.attributes if a.kind == "numeric")
    length, words = objective.watch.length, []
    if length not in numeric:
        words.append(f"length {length!r} is not a declared numeric item attribute {numeric}")
    if config.events.quantity_column is None:
        words.append("needs events.quantity_column, which says how much was watched")
    return words


def _rule_mistakes(rule: ItemRule, kinds: Mapping[str, str]) -> list[str]:
    kind = kinds.get(rule.attribute)
    if kind is None:
        return [f"{rule.attribute!r} is not a declared item attribute {sorted(kinds)}"]
    if kind == "vector" and (rule.banned or rule.minimum is not None or rule.maximum is not None):
        return [f"{rule.attribute!r} is a vector: it can only be required"]
    if kind == "numeric" and rule.banned:
        return [f"{rule.attribute!r} is numeric: give minimum or maximum, not banned"]
    if kind != "numeric" and (rule.minimum is not None or rule.maximum is not None):
        return [f"{rule.attribute!r} is {kind}: give banned, not minimum or maximum"]
    return []


# --- reading it --------------------------------------------------------------------------------


class Environment(Section):
    """What comes from environment variables, read once."""

    home: Path
    """RECSYS_HOME: everything the pipeline keeps on this machine."""
    lake: str
    """RECSYS_LAKE: folder or s3:// URL of the artifacts; default: RECSYS_HOME/lake."""
    database_url: str | None
    """RECSYS_DATABASE_URL: None starts the embedded PostgreSQL under RECSYS_HOME."""
    mlflow_url: str | None
    """RECSYS_MLFLOW_URL: store of the model registry; None: the embedded server's database."""
    config_path: Path
    """RECSYS_CONFIG: the settings file; default: include/recsys.yaml."""


def read_environment() -> Environment:
    """Paths and URLs from the environment, with their defaults."""
    home = Path(os.environ.get("RECSYS_HOME") or PROJECT_ROOT / "build" / "home").resolve()
    return Environment(
        home=home,
        lake=os.environ.get("RECSYS_LAKE") or str(home / "lake"),
        database_url=os.environ.get("RECSYS_DATABASE_URL") or None,
        mlflow_url=os.environ.get("RECSYS_MLFLOW_URL") or None,
        config_path=Path(os.environ.get("RECSYS_CONFIG") or DEFAULT_CONFIG),
    )


def disable_telemetry() -> None:
    """Great Expectations sends usage statistics unless told not to before it is imported."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")


def expand_variables(text: str) -> str:
    """Replace `${VAR}` from the environment. Raises ConfigError when one is unset."""
    expanded = os.path.expandvars(text)
    if "${" in expanded:
        raise ConfigError(
            expected="every ${VARIABLE} of a path to be set in the environment",
            found=f"{expanded!r}",
            where="source",
            remedy="export the variable, or write the path out",
        )
    return expanded


def load_config(path: Path) -> Config:
    """Read and check the settings file. Raises ConfigError with every mistake at once."""
    config = parse_config(read_settings(path), where=str(path))
    config._folder = path.resolve().parent
    return config


def read_settings(path: Path) -> Any:
    """The settings file as YAML has it, unchecked. Raises ConfigError when it cannot be read."""
    try:
        return read_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(
            expected="a settings file",
            found="no such file",
            where=str(path),
            remedy="set RECSYS_CONFIG, or copy include/recsys.yaml",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            expected="a settings file that this user may read, as UTF-8 text",
            found=f"{type(error).__name__}: {error}",
            where=str(path),
            remedy="correct its rights or its encoding, or set RECSYS_CONFIG to another file",
        ) from error
    except (
        yaml.YAMLError,
        ValueError,
        RecursionError,
    ) as error:  # a date of 30 February is a ValueError
        deep = isinstance(error, RecursionError)
        raise ConfigError(
            expected="valid YAML, each setting once",
            found=(
                "values nested so deep that nobody can mean it"
                if deep
                else str(error).replace("\n", " ")
            ),
            where=str(path),
            remedy="fix the line or the value named above",
        ) from error


def parse_config(raw: Any, where: str = "settings") -> Config:
    """Check a settings mapping. Raises ConfigError with every mistake at once."""
    refuse_unstorable(raw, where)
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        mistakes = [
            f"{'.'.join(map(str, e['loc'])) or 'settings'}: {mistake_words(e)}"
            for e in error.errors()
        ]
        raise ConfigError(
            expected="settings as documented in include/recsys.yaml",
            found=f"{len(mistakes)} mistake(s): " + "; ".join(mistakes),
            where=where,
            remedy="correct each of them; `recsys config check` shows what will run",
        ) from error


def config_hash(*sections: BaseModel | str | int | float | bool | None) -> str:
    """Stable hash of some sections or values: what an artifact's fingerprint says of the config."""
    values = [s.model_dump(mode="json") if isinstance(s, BaseModel) else s for s in sections]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
