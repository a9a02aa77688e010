"""The data checks as values: what the settings ask for, and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any, Literal

from recsys_tasks.config import Attribute, Config
from recsys_tasks.errors import ValidationFailed
from recsys_tasks.ids import MAX_ID_BYTES
from recsys_tasks.snapshot.checks.remedies import remedy_for

Suite = Literal["night", "events", "users", "items"]
Kind = Literal["not_null", "in_set", "between", "columns"]


@dataclass(frozen=True)
class Check:
    """One expectation about the columns of a frame; `bound` is the share of rows that may break
    it.
    """

    name: str
    suite: Suite
    kind: Kind
    column: str
    about: str
    bound: float = 0.0
    blocking: bool = True
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[Any, ...] = ()
    example: tuple[str, ...] = ()
    """Columns quoted of the first rows that break it."""
    delivered: str = ""
    """Column whose values of no use are quoted as they were delivered, e.g. `items.cost`."""


@dataclass(frozen=True)
class CheckResult:
    """What one check found."""

    name: str
    suite: str
    about: str
    blocking: bool
    passed: bool
    found: int  # rows that break it
    total: int  # rows looked at
    bound: str
    observed: str
    examples: tuple[str, ...] = ()

    def sentence(self) -> str:
        """The check, what it allows and what was found."""
        quoted = f", e.g. {', '.join(self.examples)}" if self.examples else ""
        return f"{self.suite}.{self.name}: {self.observed} (allowed: {self.bound}){quoted}"


@dataclass(frozen=True)
class ValidationReport:
    """Every check of one night."""

    as_of: date
    days: tuple[str, ...]  # days whose rows were new or changed
    rows: int
    checks: tuple[CheckResult, ...]

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """Blocking checks that failed."""
        return tuple(check for check in self.checks if check.blocking and not check.passed)

    @property
    def warnings(self) -> tuple[CheckResult, ...]:
        """Other checks that failed."""
        return tuple(check for check in self.checks if not check.blocking and not check.passed)

    @property
    def passed(self) -> bool:
        """Whether a snapshot may be made."""
        return not self.failed

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**asdict(self), "as_of": self.as_of.isoformat(), "passed": self.passed}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> ValidationReport:
        """The inverse of `as_dict`."""
        checks = tuple(
            CheckResult(**{**check, "examples": tuple(check["examples"])})
            for check in raw["checks"]
        )
        return cls(date.fromisoformat(raw["as_of"]), tuple(raw["days"]), raw["rows"], checks)

    def error(self, where: str) -> ValidationFailed:
        """What `freeze` raises when a blocking check failed."""
        names = ", ".join(f"{check.suite}.{check.name}" for check in self.failed)
        return ValidationFailed(
            expected=f"every blocking data check of night {self.as_of} to pass ({names} did not)",
            found="; ".join(check.sentence() for check in self.failed),
            where=where,
            remedy=remedy_for([(check.suite, check.name) for check in self.failed], self.as_of),
        )


def event_checks(config: Config) -> list[Check]:
    """Checks of tonight's interactions; their names are those of `rules.flag_rows`."""
    rules, table = config.validation, config.events
    nulls = rules.max_null_share
    names = ("user_id", "item_id", "ts", "event", "price", "quantity")
    checks = [
        Check(
            "columns", "events", "columns", "", "the declared columns and no others", allowed=names
        ),
        Check(
            "missing_user",
            "events",
            "not_null",
            "user_id",
            "a user id",
            nulls,
            example=("item_id", "ts"),
        ),
        Check(
            "missing_item",
            "events",
            "not_null",
            "item_id",
            "an item id",
            nulls,
            example=("user_id", "ts"),
        ),
        Check(
            "missing_time",
            "events",
            "not_null",
            "ts",
            "a readable time",
            nulls,
            example=("user_id", "item_id"),
        ),
        Check(
            "overlong_id",
            "events",
            "between",
            "id_bytes",
            f"ids of at most {MAX_ID_BYTES} bytes",
            rules.max_bad_value_share,
            maximum=MAX_ID_BYTES,
            example=("id_bytes",),
        ),
        _true(
            "unstorable",
            "storable",
            "ids without NUL",
            rules.max_bad_value_share,
            "user_id",
            "item_id",
            "ts",
        ),
        Check(
            "unknown_event",
            "events",
            "in_set",
            "event",
            "a declared kind of event",
            rules.max_unknown_event_share,
            allowed=table.known,
            example=("event",),
        ),
        _true(
            "unknown_user",
            "user_known",
            "a user of the users table",
            rules.max_unknown_user_share,
            "user_id",
        ),
        _true(
            "unknown_item",
            "item_known",
            "an item of the items table",
            rules.max_unknown_item_share,
            "item_id",
        ),
        _true(
            "repeated",
            "first",
            "no exact duplicate",
            rules.max_duplicate_share,
            "user_id",
            "item_id",
            "ts",
        ),
    ]
    for name, source in (("price", table.price_column), ("quantity", table.quantity_column)):
        if source is not None:
            about = f"a readable {name} of 0 or more"
            bound = rules.max_bad_value_share
            checks.append(
                Check(
                    f"bad_{name}", "events", "between", name, about, bound,
                    minimum=0.0, example=(name,), delivered=f"events.{name}",
                )
            )  # fmt: skip
    if table.impressions is not None:
        about = f"a place of 1 or more where event is {table.impressions.event!r}"
        bound = rules.max_bad_value_share
        checks.append(_true("bad_position", "placed", about, bound, "item_id", "ts"))
        checks[-1] = replace(checks[-1], delivered="events.position")
    return checks


def entity_checks(config: Config, suite: Literal["users", "items"]) -> list[Check]:
    """Checks of tonight's users or items table."""
    rules = config.validation
    table = config.users if suite == "users" else config.items
    key = "user_id" if suite == "users" else "item_id"
    checks = [
        Check("missing_id", suite, "not_null", key, "an id", rules.max_null_share),
        Check(
            "overlong_id",
            suite,
            "between",
            "_id_bytes",
            f"ids of at most {MAX_ID_BYTES} bytes",
            maximum=MAX_ID_BYTES,
            example=("_id_bytes",),
        ),
        Check(
            "unstorable",
            suite,
            "in_set",
            "_unstorable",
            "text without NUL, and a segment no longer than an id",
            allowed=("",),
            example=(key, "_unstorable"),
        ),
        Check(
            "repeated_id",
            suite,
            "in_set",
            "_first",
            "each id once",
            allowed=(True,),
            example=(key,),
        ),
    ]
    for attribute in table.attributes:
        checks += _attribute_checks(config, suite, key, attribute)
    if suite == "items":
        checks += _availability_checks(config, key)
    if suite == "items" and config.items.title_column is not None:
        checks.append(
            Check(
                "shown_title",
                "items",
                "not_null",
                "title",
                "a title",
                0.5,
                blocking=False,
                example=(key,),
            )
        )
    return checks


def night_checks(config: Config, as_of: date | None = None) -> list[Check]:
    """Checks of the night's figures; a figure that does not apply tonight is null and passes."""
    rules = config.validation
    low, high = rules.volume_ratio
    stops = as_of is None or as_of.isoformat() not in rules.accepted_losses

    def lost(name: str, about: str, bound: float) -> Check:
        return Check(
            name, "night", "between", name, about, blocking=stops, minimum=0, maximum=bound
        )

    return [
        Check("fresh", "night", "between", "newest_day_rows", "rows on the newest day", minimum=1),
        Check(
            "volume",
            "night",
            "between",
            "volume_ratio",
            "newest day over the same weekday of the four weeks before",
            minimum=low,
            maximum=high,
        ),
        Check(
            "future",
            "night",
            "between",
            "future_share",
            "share of rows later than now",
            minimum=0,
            maximum=config.validation.max_future_share,
        ),
        Check("users", "night", "between", "users", "rows in the users table", minimum=1),
        Check("items", "night", "between", "items", "rows in the items table", minimum=1),
        lost(
            "items_gone", "share of the last night's items that are gone", rules.max_gone_item_share
        ),
        lost(
            "users_gone", "share of the last night's users that are gone", rules.max_gone_user_share
        ),
        lost("rows_lost", "share of a known day's rows that are gone", rules.max_lost_row_share),
        lost("rows_late", "share of rows that came too late to be read", rules.max_late_share),
        Check(
            "files_passed_over",
            "night",
            "between",
            "files_passed_over",
            "files that are not read, for their suffix",
            blocking=False,
            minimum=0,
            maximum=0,
        ),
    ]


def _true(name: str, column: str, about: str, bound: float, *example: str) -> Check:
    return Check(name, "events", "in_set", column, about, bound, allowed=(True,), example=example)


def _attribute_checks(config: Config, suite: Suite, key: str, attribute: Attribute) -> list[Check]:
    rules, name = config.validation, attribute.name
    bound = rules.max_null_share if attribute.required else 0.5
    checks = [
        Check(
            f"has_{name}",
            suite,
            "not_null",
            name,
            f"a {name}",
            bound,
            attribute.required,
            example=(key,),
        )
    ]
    if attribute.kind == "numeric":
        low, high = attribute.minimum, attribute.maximum
        limits = (
            "a readable number"
            + (f" >= {low:g}" if low is not None else "")
            + (f" <= {high:g}" if high is not None else "")
        )
        column = f"_{name}_in_range"
        checks.append(
            Check(
                f"{name}_range",
                suite,
                "in_set",
                column,
                f"{name}: {limits}",
                rules.max_bad_value_share,
                allowed=(True,),
                example=(key, name),
                delivered=f"{suite}.{name}",
            )
        )
    if attribute.kind == "vector":
        checks += _vector_checks(config, suite, key, attribute)
    return checks


def _availability_checks(config: Config, key: str) -> list[Check]:
    """An item whose launch or flag cannot be read stays out of every list; a few such say that the
    export is broken.
    """
    declared = {
        "available_from": (config.items.available_from_column, "a time"),
        "available": (config.items.available_column, "true or false"),
    }
    return [
        Check(
            f"{name}_readable",
            "items",
            "in_set",
            f"_{name}_readable",
            f"{column}: {words}, or nothing",
            config.validation.max_bad_value_share,
            allowed=(True,),
            example=(key, f"{name}_fault"),
        )
        for name, (column, words) in declared.items()
        if column is not None
    ]


def _vector_checks(config: Config, suite: Suite, key: str, attribute: Attribute) -> list[Check]:
    """A vector of no use counts as missing either way; a few that cannot be read say that the
    export is broken.
    """
    name = attribute.name
    return [
        Check(
            f"{name}_readable",
            suite,
            "in_set",
            f"_{name}_readable",
            f"{name}: a list of {attribute.dimensions} numbers",
            config.validation.max_bad_value_share,
            allowed=(True,),
            example=(key, f"_{name}_fault"),
        ),
        Check(
            f"{name}_finite",
            suite,
            "in_set",
            f"_{name}_finite",
            f"{name}: no number that is NaN or infinite",
            blocking=False,
            allowed=(True,),
            example=(key,),
        ),
    ]
