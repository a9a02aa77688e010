"""The checks of tonight's users and items tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from recsys_tasks.config import Attribute, Config
from recsys_tasks.ids import MAX_ID_BYTES
from recsys_tasks.snapshot.checks.check import Check, Suite
from recsys_tasks.snapshot.checks.short_id_rows import SHORTENED


def entity_checks(config: Config, suite: Literal["users", "items"]) -> list[Check]:
    """Checks of tonight's users or items table."""
    rules = config.validation
    table = config.users if suite == "users" else config.items
    key = "user_id" if suite == "users" else "item_id"
    checks = [
        Check("missing_id", suite, "not_null", key, "an id", rules.max_null_share),
        Check(
            *("overlong_id", suite, "between", "_id_bytes"),
            f"ids of at most {MAX_ID_BYTES} bytes",
            maximum=MAX_ID_BYTES,
            example=("_id_bytes",),
        ),
        Check(
            *("unstorable", suite, "in_set", "_unstorable"),
            "text without NUL, and a segment no longer than an id",
            allowed=("",),
            example=(key, "_unstorable"),
        ),
        Check(
            *(SHORTENED, suite, "in_set", "_shortened"),
            "ids that have all of their digits",
            rules.max_bad_value_share,
            allowed=("",),
            example=("_shortened",),
        ),
        Check(
            *("repeated_id", suite, "in_set", "_first", "each id once"),
            allowed=(True,),
            example=(key,),
        ),
    ]
    for attribute in table.attributes:
        checks += _attribute_checks(config, suite, key, attribute)
    if suite == "items":
        checks += _availability_checks(config, key)
    if suite == "items" and config.items.title_column is not None:
        title = Check("shown_title", "items", "not_null", "title", "a title", 0.5, example=(key,))
        checks.append(replace(title, blocking=False))
    return checks


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
        "available_until": (config.items.available_until_column, "a time"),
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
