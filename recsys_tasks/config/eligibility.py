"""Which items a user may be shown, by attributes of both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from recsys_tasks.config.base import Name, Section
from recsys_tasks.config.shop import Attribute, ItemsTable, UsersTable


class UserRule(Section):
    """What an item must be like to be shown to a user. An item without a value may be shown to
    everyone.
    """

    item: Name
    """A declared attribute of items, categorical, multi or numeric."""
    must: Literal["match", "be_at_most", "be_at_least"]
    """match: one of its values is one of the user's (place, language); be_at_most, be_at_least: its
    number is no larger, or no smaller, than the user's (age)."""
    user: Name
    """A declared attribute of users, of the same sort."""
    otherwise: str | float | None = None
    """Value that is assumed of users without one, also of users that the night did not know; null:
    they are shown only items without a value.
    """


class EligibilityConfig(Section):
    """Which items a user may be shown."""

    rules: Annotated[tuple[UserRule, ...], Field(max_length=20)] = ()
    """All must hold, in every list of the user and on every path: own list, spares, fallback
    lists."""


def eligibility_mistakes(
    eligibility: EligibilityConfig, users: UsersTable, items: ItemsTable
) -> list[str]:
    """Rules of attributes that are not declared, or that cannot be compared."""
    return [
        f"eligibility.rules.{number}: {words}"
        for number, rule in enumerate(eligibility.rules)
        for words in _mistakes(rule, users, items)
    ]


def _mistakes(rule: UserRule, users: UsersTable, items: ItemsTable) -> Iterator[str]:
    wanted = ("categorical", "multi") if rule.must == "match" else ("numeric",)
    for table, name, declared in (
        ("items", rule.item, items.attributes),
        ("users", rule.user, users.attributes),
    ):
        yield from _of_attribute(name, table, declared, wanted)
    if rule.must != "match" and isinstance(rule.otherwise, str):
        yield f"otherwise: {rule.otherwise!r} is no number"


def _of_attribute(
    name: str, table: str, declared: tuple[Attribute, ...], wanted: tuple[str, ...]
) -> Iterator[str]:
    kinds = {attribute.name: attribute.kind for attribute in declared}
    if name not in kinds:
        yield f"{name!r} is not a declared attribute of {table} {sorted(kinds)}"
    elif kinds[name] not in wanted:
        yield f"{name!r} of {table} is {kinds[name]}: only {' or '.join(wanted)} can be compared so"
