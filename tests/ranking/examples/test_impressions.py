"""Logged shown: kept apart from actions, as negatives, and weighed by the place they were seen
at.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recsys_tasks.clock import start_of
from recsys_tasks.errors import ConfigError
from recsys_tasks.ranking.examples.build import Examples, build_examples
from recsys_tasks.ranking.examples.impressions import ShownPairs, importance, listwise
from recsys_tasks.ranking.examples.sampling import CALIBRATION_A
from recsys_tasks.ranking.models.cascade import heavy
from recsys_tasks.ranking.models.fitting import scored
from recsys_tasks.ranking.models.rows import Rows
from tests.ranking import fakes
from tests.ranking.planted import CANDIDATES, RANKER, World
from tests.snapshot.shops import LiteralShop
from tests.worlds import make_config

SHOWN = {"event": "shown", "position_column": "price"}
DAY, NEXT = date(2026, 1, 2), date(2026, 1, 3)


def test_showings_are_no_actions_and_keep_their_highest_place(tmp_path: Path) -> None:
    shop = LiteralShop(
        tmp_path,
        [
            ("ann", "lamp", (2, 5)),
            ("ann", "mug", (2, 3), "shown", 4),
            ("ann", "mug", (2, 9), "shown", 2),
            ("bob", "lamp", (2, 1), "shown", 1),
            ("bob", "mug", (2, 1), "shown", None),  # nobody knows where: no showing
            ("bob", "mug", (1, 1), "shown", 1),  # another day
            ("bob", "lamp", (1, 1)),
        ],
        items=["lamp", "mug"],
        settings={
            "events": {"impressions": SHOWN},
            "validation": {"allow_empty_days": True, "volume_ratio": [0.001, 1000]},
        },
    )
    snapshot = shop.night(3).snapshot
    assert len(snapshot.events()) == 2 and set(snapshot.events().event) == {0}
    users = snapshot.users.set_index("user_id").user_key
    items = snapshot.items.set_index("item_id").item_key
    shown = ShownPairs.of(snapshot, DAY, NEXT)
    pairs = [("ann", "mug"), ("bob", "lamp"), ("bob", "mug"), ("ann", "lamp")]
    codes = np.array([users[user] * snapshot.n_items + items[item] for user, item in pairs])
    assert shown.positions(codes).tolist() == [2, 1, 0, 0]


def test_settings_name_showings_once() -> None:
    with pytest.raises(ConfigError, match="name it once"):
        make_config(events={"impressions": {**SHOWN, "event": "purchase"}})


def test_weights_and_gains_by_hand() -> None:
    config = make_config(events={"impressions": {**SHOWN, "max_weight": 5}})
    label = np.array([True, True, True, False, True])
    position = np.array([1, 4, 9, 9, 0], np.int16)
    assert importance(config, label, position).tolist() == [
        1,
        4,
        5,
        1,
        1,
    ]  # 1/9 is looked at too seldom to be trusted
    # Two lists: gains 1, 4 and 5, 0, 1. Ideal: 4 + 1/log2(3) = 4.631 and 5 + 1/log2(3) = 5.631,
    # mean over lists 5.131.
    grade, further = listwise(config, label, position, np.array([0, 0, 1, 1, 1]))
    assert grade.tolist() == [1, 2, 3, 0, 1] and further["settings"] == {
        "label_gain": [0.0, 1.0, 4.0, 5.0]
    }
    np.testing.assert_allclose(
        further["weight"], np.array([4.631, 4.631, 5.631, 5.631, 5.631]) / 5.131, rtol=1e-3
    )
    power = make_config(events={"impressions": {**SHOWN, "examination_power": 0.5}})
    assert importance(power, label, position).tolist() == [1, 2, 3, 1, 1]
    assert importance(make_config(), label, position).tolist() == [1] * 5


PAGES, PLACES = 3000, 4
LIKED = np.array([0.3, 0.4, 0.5, 0.6])
"""Chance that a user who looks at item i wants it. The page shows the worst first: place i + 1
holds item i.
"""


@pytest.fixture(scope="module")
def pages() -> Examples:
    """Every page shows all items in the same wrong order; place p is looked at with chance 1/p."""
    rng = np.random.default_rng(5)
    place = np.tile(np.arange(1, PLACES + 1), PAGES)
    item = place - 1
    acted = (rng.random(len(item)) < LIKED[item]) & (rng.random(len(item)) < 1 / place)
    return Examples(
        names=("item_kind",),
        light_names=("item_kind",),
        X=item[:, None].astype(np.float32),
        labels=acted[:, None],
        user=np.repeat(np.arange(PAGES, dtype=np.int32), PLACES),
        item=item.astype(np.int32),
        group=np.repeat(np.arange(PAGES, dtype=np.int32), PLACES),
        part=np.zeros(len(item), np.int8),
        weight=np.ones(len(item), np.float32),
        position=place.astype(np.int16),
        facts={},
    )


@pytest.mark.parametrize("loss", ["lambdarank", "binary"])
def test_weights_recover_the_order_that_the_page_hides(pages: Examples, loss: str) -> None:
    """Acted on per showing: .3, .2, .17, .15 of items 0 to 3, the reverse of what is wanted."""

    def order(events: dict[str, Any]) -> list[int]:
        settings = {
            "loss": loss,
            "heavy_trees": 30,
            "leaves": 7,
            "min_leaf_rows": 20,
            "learning_rate": 0.1,
        }
        config = make_config(events=events, ranker=settings, resources={"threads": 1})
        model = heavy(config, pages, np.ones(len(pages.X), bool), 0)
        every = np.arange(PLACES, dtype=np.float32)[:, None]
        score = scored(config, (model,), Rows(every, np.arange(PLACES)))[:, 0]
        best_first: list[int] = np.argsort(-score).tolist()
        return best_first

    assert order({}) == [0, 1, 2, 3]
    assert order({"impressions": SHOWN}) == [3, 2, 1, 0]


def test_what_was_shown_and_passed_over_is_always_among_the_negatives(tmp_path: Path) -> None:
    world = World(tmp_path, events={"impressions": SHOWN})
    windows = world.windows()
    # 30 candidates of each user, in the newest window
    seen = fakes.candidate_items(windows[0].inputs)[:, :30].ravel()
    shown = pd.DataFrame({"user": np.repeat(np.arange(len(world.users)), 30), "item": seen})
    world.log(
        shown.assign(
            ts=start_of(windows[0].label_start) + 5,
            position=np.tile(np.arange(1, 31), len(world.users)),
        )
    )
    data = Examples.open(build_examples(world.snapshot, world.timeline, windows))
    first = data.facts["windows"][0]["rows"]
    columns = {
        name: np.asarray(getattr(data, name)) for name in ("group", "part", "weight", "position")
    }
    frame = pd.DataFrame({**columns, "label": np.asarray(data.labels[:, 0])})
    assert (frame.position[first:] == 0).all()
    mine = frame[:first][frame.part[:first] < CALIBRATION_A]
    assert (mine.groupby("group").position.agg(lambda p: (p > 0).sum()) == 30).all()
    assert (mine.weight[mine.position > 0] == 1).all()
    # The other ten candidates: positives, and all others, as 15 negatives may be drawn.
    assert RANKER["negatives_per_user"] > 10
    np.testing.assert_allclose(mine.groupby("group").weight.sum(), CANDIDATES)
