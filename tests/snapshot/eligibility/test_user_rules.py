"""`eligibility.rules`: who may be shown what, against a plain reading of each rule."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recsys_tasks.errors import ConfigError
from recsys_tasks.snapshot.eligibility.user_rules import NOBODY, user_rules
from tests.worlds import make_config, make_snapshot

SOLD_IN: list[str | None] = ["nl", "nl|be", "be", None]
LIMIT = [None, 6.0, 16.0, 18.0]
LIVES = ["nl", "be", None, "fr"]
AGE = [18.0, 17.0, None, 5.0]


def may(folder: Path, *rules: dict[str, Any]) -> list[list[int]]:
    """Items that each user may see; the last: one whom nobody knows."""
    config = make_config(
        users={
            "attributes": [
                {"name": "lives", "kind": "categorical"},
                {"name": "age", "kind": "numeric"},
            ]
        },
        items={
            "attributes": [
                {"name": "sold_in", "kind": "multi"},
                {"name": "limit", "kind": "numeric"},
            ]
        },
        eligibility={"rules": list(rules)},
    )
    users = pd.DataFrame({"user_id": list("abcd"), "lives": LIVES, "age": AGE})
    items = pd.DataFrame({"item_id": list("wxyz"), "sold_in": SOLD_IN, "limit": LIMIT})
    events = pd.DataFrame({"user_id": ["a"], "item_id": ["w"], "ts": [1_767_300_000]})
    snapshot = make_snapshot(folder, config, date(2026, 3, 1), events, items, users)
    found = user_rules(snapshot)
    assert found is not None
    asked = np.array([0, 1, 2, 3, NOBODY], np.int32)
    kept_from = found.of(asked, np.tile(np.arange(4, dtype=np.int32), (5, 1)))
    which, classes = found.classes(asked)
    assert np.array_equal(classes[which], ~kept_from)
    return [np.flatnonzero(~row).tolist() for row in kept_from]


SOLD = {"item": "sold_in", "must": "match", "user": "lives"}
OLD = {"item": "limit", "must": "be_at_most", "user": "age"}


def test_values_must_match(tmp_path: Path) -> None:
    assert may(tmp_path, SOLD) == [[0, 1, 3], [1, 2, 3], [3], [3], [3]]


def test_numbers_must_be_at_most_or_at_least(tmp_path: Path) -> None:
    assert may(tmp_path, OLD) == [[0, 1, 2, 3], [0, 1, 2], [0], [0], [0]]
    at_least = {**OLD, "must": "be_at_least"}
    assert may(tmp_path / "b", at_least) == [[0, 3], [0, 3], [0], [0, 1, 2, 3], [0]]


def test_a_value_is_assumed_where_there_is_none(tmp_path: Path) -> None:
    assert may(tmp_path, {**SOLD, "otherwise": "be"})[2:] == [[1, 2, 3], [3], [1, 2, 3]]
    assert may(tmp_path / "b", {**OLD, "otherwise": 16})[2:] == [[0, 1, 2], [0], [0, 1, 2]]


def test_all_rules_must_hold(tmp_path: Path) -> None:
    assert may(tmp_path, SOLD, OLD) == [[0, 1, 3], [1, 2], [], [], []]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({**SOLD, "item": "colour"}, "'colour' is not a declared attribute of items"),
        ({**SOLD, "user": "age"}, "'age' of users is numeric"),
        ({**OLD, "otherwise": "old"}, "'old' is no number"),
    ],
)
def test_rules_that_cannot_be_asked_are_mistakes(
    tmp_path: Path, rule: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        may(tmp_path, rule)
