"""The worked examples of docs/extending.md, followed to the letter."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recsys_tasks.commands.describe import describe
from recsys_tasks.config import read_environment
from recsys_tasks.errors import ArtifactError, ConfigError
from recsys_tasks.features.catalogue import FEATURES
from recsys_tasks.ranking.columns import COLUMN_GROUPS
from recsys_tasks.ranking.examples.build import Examples, Window, build_examples, label_windows
from recsys_tasks.ranking.lists.recommender import Recommender
from recsys_tasks.ranking.lists.rules import RERANK_RULES, own_rules
from recsys_tasks.ranking.models.ranker import Ranker
from recsys_tasks.ranking.models.train import train_ranker
from tests.ranking import fakes
from tests.ranking.guide import GUIDE, installed
from tests.ranking.planted import AS_OF, ITEMS, RANKER, USERS, World
from tests.ranking.test_inputs import opened
from tests.worlds import make_config

EVERYONE = np.arange(USERS, dtype=np.int32)


class Priced(World):
    @property
    def of_items(self) -> dict[str, np.ndarray]:
        return {"price": np.random.default_rng(1).permutation(ITEMS).astype(float)}


def test_a_column_of_ones_own_is_trained_on_served_and_refused_when_its_package_is_gone(
    tmp_path: Path,
) -> None:
    world = Priced(tmp_path / "lake", ranker={**RANKER, "heavy_trees": 10})
    with installed(tmp_path, "my_nightshelf/price_rank.py", COLUMN_GROUPS):
        windows = world.windows()[:1]
        examples = build_examples(world.snapshot, world.timeline, windows)
        ranker = Ranker.open(
            train_ranker(world.config, world.snapshot.lake, examples, lineage="abc")
        )
        assert ranker.heavy_names[-1] == "price_rank" not in ranker.light_names
        assert ranker.column_packages == {"price_rank": "my-nightshelf 1.0"}
        recommender = Recommender.of(world.snapshot, world.inputs(AS_OF), ranker)
        assert (recommender.recommend(EVERYONE, 5).items >= 0).all()
    with pytest.raises(ArtifactError, match="price_rank") as refused:
        recommender.recommend(EVERYONE, 5)
    assert "install my-nightshelf 1.0 again" in refused.value.remedy


def test_a_feature_of_ones_own_is_trained_on_and_served(tmp_path: Path) -> None:
    world = World(tmp_path / "lake")
    start, end = label_windows(world.timeline)[0]
    with installed(tmp_path, "my_nightshelf/recent_events.py", FEATURES):
        windows = [Window(opened(world, start), start, end)]
        examples = build_examples(world.snapshot, world.timeline, windows)
        release = train_ranker(world.config, world.snapshot.lake, examples, lineage="abc")
        inputs, ranker = opened(world, AS_OF), Ranker.open(release)
        Recommender.of(world.snapshot, inputs, ranker).recommend(EVERYONE, 5)
    assert "pair_events_28d" in ranker.light_names and "pair_events_28d" in ranker.heavy_names
    assert ranker.column_packages == {"pair_events_28d": "my-nightshelf 1.0"}
    data = Examples.open(examples)
    found = data.X[:, data.names.index("pair_events_28d")]
    events = world.snapshot.events(start - timedelta(days=28), start)
    count = Counter(zip(events.user, events.item, strict=True))
    expected = np.array([count[pair] for pair in zip(data.user, data.item, strict=True)])
    had = np.isfinite(found)  # of a pair without any event nothing is known
    assert expected[had].any() and not expected[~had].any()
    np.testing.assert_array_equal(found[had], expected[had])


CATEGORY = {"attributes": [{"name": "kind", "kind": "categorical"}], "category": "kind"}
ASKED = [{"name": "category_first", "settings": {"category": "books"}}]


class Kinds(World):
    @property
    def of_items(self) -> dict[str, np.ndarray]:
        return {"kind": np.where(np.arange(ITEMS) % 4 == 0, "books", "games")}


def test_a_delivered_order_is_kept_but_for_the_category_that_comes_first(tmp_path: Path) -> None:
    world = Kinds(
        tmp_path / "lake",
        items=CATEGORY,
        ranker={"mode": "none"},
        rerank={"rules": ASKED},
        serving={"k": 5, "block_users": 64},
    )
    inputs = world.inputs(AS_OF)
    delivered = fakes.candidate_items(inputs)
    with installed(tmp_path, "my_nightshelf/category_first.py", RERANK_RULES):
        recommender = Recommender.of(world.snapshot, inputs, None)
        lists = recommender.recommend(EVERYONE, delivered.shape[1])
        some = recommender.recommend(EVERYONE, 8, eligible=np.arange(ITEMS) % 8 > 0)
    for user in EVERYONE:
        books, games = (delivered[user][delivered[user] % 4 == 0], delivered[user] % 4 > 0)
        assert lists.items[user].tolist() == [*books, *delivered[user][games]]
    # Who may see what has the last word: every second book may not be shown.
    assert (some.items[some.items >= 0] % 8 > 0).all()
    assert (some.items[:, 0] % 4 == 0).all() and (some.ranks_before[:, 0] >= 1).all()


def test_settings_of_a_rule_are_checked_with_the_settings_file(tmp_path: Path) -> None:
    def check(rules: list[dict[str, Any]]) -> list[str]:
        return list(describe(make_config(rerank={"rules": rules}), read_environment()))

    with installed(tmp_path, "my_nightshelf/category_first.py", RERANK_RULES):
        assert any(line == "rules        category_first" for line in check(ASKED))
        with pytest.raises(ConfigError, match="category: Field required") as refused:
            check([{"name": "category_first", "settings": {"categry": "books"}}])
        assert "category_first" in refused.value.where and "categry" in refused.value.found
        with pytest.raises(ConfigError, match="built in"):
            check([{"name": "diversity"}])
    with pytest.raises(ConfigError, match="category_first") as gone:
        own_rules(make_config(rerank={"rules": ASKED}))
    assert "install the package" in gone.value.remedy


def test_the_settings_of_the_guide_are_settings() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", GUIDE, flags=re.S)
    rules = [text for text in blocks if "category_first" in text]
    assert len(rules) == 2
    import yaml

    for text in rules:
        assert make_config(**yaml.safe_load(text)).rerank.rules[0].name == "category_first"
