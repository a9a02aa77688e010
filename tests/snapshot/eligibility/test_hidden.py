"""Items that break a quality rule, or that moderators took out, are unavailable tonight."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from recsys_tasks.errors import ConfigError
from tests.snapshot.shops import LiteralShop

ITEMS = pd.DataFrame(
    #  item, rating, maker, tags
    [
        ("lamp", 4.5, "acme", "home|light"),
        ("mug", 2.0, "acme", "home"),
        ("knife", 4.9, "edge", "home|weapon"),
        ("plain", None, None, None),
    ],
    columns=["item_id", "rating", "maker", "tags"],
)
ATTRIBUTES = [
    {"name": "rating", "kind": "numeric"},
    {"name": "maker", "kind": "categorical"},
    {"name": "tags", "kind": "multi"},
]
QUIET = {"allow_empty_days": True, "volume_ratio": [0.001, 1000]}


def shop(folder: Path, **rerank: Any) -> LiteralShop:
    settings = {"items": {"attributes": ATTRIBUTES}, "rerank": rerank, "validation": QUIET}
    return LiteralShop(
        folder, [("ann", "lamp", (1, 1)), ("bob", "mug", (1, 2))], None, ITEMS, settings
    )


@pytest.mark.parametrize(
    ("rerank", "shown"),
    [
        ({}, ["knife", "lamp", "mug", "plain"]),
        ({"hidden_items": ["mug", "unheard of"]}, ["knife", "lamp", "plain"]),
        ({"item_rules": [{"attribute": "rating", "minimum": 3}]}, ["knife", "lamp", "plain"]),
        (
            {"item_rules": [{"attribute": "rating", "maximum": 4.5, "required": True}]},
            ["lamp", "mug"],
        ),
        ({"item_rules": [{"attribute": "tags", "banned": ["weapon"]}]}, ["lamp", "mug", "plain"]),
        (
            {
                "item_rules": [
                    {"attribute": "maker", "required": True},
                    {"attribute": "maker", "banned": ["edge"]},
                ]
            },
            ["lamp", "mug"],
        ),
    ],
)
def test_what_breaks_a_rule_is_unavailable(
    tmp_path: Path, rerank: dict[str, Any], shown: list[str]
) -> None:
    done = shop(tmp_path, **rerank).night(3)
    items = done.snapshot.items
    assert sorted(items.item_id[items.available]) == shown
    assert done.hidden == 4 - len(shown)


def test_a_changed_list_freezes_the_night_again(tmp_path: Path) -> None:
    first = shop(tmp_path).night(3)
    again = shop(tmp_path, hidden_items=["lamp"]).night(3)
    assert again.snapshot.artifact.reference != first.snapshot.artifact.reference
    assert not again.snapshot.items.set_index("item_id").available["lamp"]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"attribute": "rate", "minimum": 1}, "'rate' is not a declared item attribute"),
        ({"attribute": "rating", "banned": ["x"]}, "numeric: give minimum or maximum"),
        ({"attribute": "maker", "minimum": 1}, "categorical: give banned"),
    ],
)
def test_a_rule_that_cannot_hold_is_refused(
    tmp_path: Path, rule: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        _ = shop(tmp_path, item_rules=[rule]).config
