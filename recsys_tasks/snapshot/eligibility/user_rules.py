"""Which items each user may be shown by `eligibility.rules`: users alike in what the rules ask of
them are one class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from recsys_tasks.arrays import Bool, Float64, Int32, Int64
from recsys_tasks.config import Attribute
from recsys_tasks.config.eligibility import UserRule
from recsys_tasks.ids import Keys
from recsys_tasks.snapshot.dataset import Snapshot

NOBODY = -1
"""The key that stands for every user that the night does not know."""


@dataclass(frozen=True)
class UserRules:
    """`codes`: of each rule, what it asks of each user, `[n_users + 1] int32`, the last being
    NOBODY; `may`: of each rule, which items it lets those with a code see, `[codes, n_items]`.
    """

    codes: tuple[Int32, ...]
    may: tuple[Bool, ...]

    def of(self, users: Keys, items: Int32) -> Bool:
        """`[n, c]`: which of the items `[n, c]` (-1 pads) the rules keep from the users `[n]`."""
        kept_from = np.zeros(items.shape, bool)
        for codes, may in zip(self.codes, self.may, strict=True):
            kept_from |= ~may[codes[users][:, None], np.maximum(items, 0)]
        return kept_from & (items >= 0)

    def classes(self, users: Keys) -> tuple[Int64, Bool]:
        """(class of each of the users `[n]`; which items those of a class may see, `[classes,
        n_items]`).
        """
        asked = np.stack([codes[users] for codes in self.codes])
        alike, which = np.unique(asked, axis=1, return_inverse=True)
        may = self.may[0][alike[0]].copy()
        for row, more in zip(alike[1:], self.may[1:], strict=True):
            may &= more[row]
        return which.ravel().astype(np.int64), may


def user_rules(snapshot: Snapshot) -> UserRules | None:
    """The rules for the users and items of a snapshot; None where the settings have none."""
    config = snapshot.config
    if not config.eligibility.rules:
        return None
    users = {attribute.name: attribute for attribute in config.users.attributes}
    items = {attribute.name: attribute for attribute in config.items.attributes}
    found = [
        _matched(rule, snapshot, users[rule.user], items[rule.item])
        if rule.must == "match"
        else _compared(rule, snapshot)
        for rule in config.eligibility.rules
    ]
    return UserRules(tuple(codes for codes, _ in found), tuple(may for _, may in found))


def _compared(rule: UserRule, snapshot: Snapshot) -> tuple[Int32, Bool]:
    """Users of one code stand between the same two numbers of items; those without one are first
    (`be_at_most`) or last.
    """
    sign = 1.0 if rule.must == "be_at_most" else -1.0
    of_items: Float64 = sign * snapshot.items[rule.item].to_numpy(np.float64)
    of_users = np.append(snapshot.users[rule.user].to_numpy(np.float64), np.nan)
    if rule.otherwise is not None:
        of_users = np.where(np.isnan(of_users), float(rule.otherwise), of_users)
    known = np.unique(of_items[~np.isnan(of_items)])
    bound = np.where(np.isnan(of_users), -np.inf, sign * of_users)
    codes = np.searchsorted(known, bound, side="right").astype(np.int32)
    place = np.where(np.isnan(of_items), -1, np.searchsorted(known, of_items))
    return codes, place[None, :] < np.arange(len(known) + 1)[:, None]


def _matched(
    rule: UserRule, snapshot: Snapshot, of_user: Attribute, of_item: Attribute
) -> tuple[Int32, Bool]:
    """Users of one code have the same values, of those that any item has."""
    having: dict[str, list[int]] = {}
    without = np.ones(snapshot.n_items, bool)
    for row, own in enumerate(_values(snapshot.items[rule.item], of_item)):
        for value in own:
            having.setdefault(value, []).append(row)
            without[row] = False
    given = [*_values(snapshot.users[rule.user], of_user), []]
    assumed = [] if rule.otherwise is None else [str(rule.otherwise)]
    alike: dict[tuple[str, ...], int] = {}
    codes = np.empty(len(given), np.int32)
    for row, own in enumerate(given):
        known = tuple(sorted(having.keys() & set(own or assumed)))
        codes[row] = alike.setdefault(known, len(alike))
    may = np.repeat(without[None], len(alike), axis=0)
    for known, code in alike.items():
        for value in known:
            may[code, having[value]] = True
    return codes, may


def _values(column: pd.Series[Any], attribute: Attribute) -> list[list[str]]:
    """The values of each row, none where there is none."""

    def split(value: Any) -> list[str]:
        if not isinstance(value, str) or not value:
            return []
        parts = value.split(attribute.separator) if attribute.kind == "multi" else [value]
        return [part for part in parts if part]

    return [split(value) for value in column.tolist()]
