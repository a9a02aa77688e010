"""A night after the settings changed: the champion was made under the old ones and serves until it
is beaten.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from recsys_tasks.config import parse_config
from recsys_tasks.stages import Night, run_all
from tests.stages.finished_nights import finished_first_night, running_copy, shop_of
from tests.stages.shop_nights import FIRST_NIGHT, SECOND_NIGHT, SETTINGS, Results, rows

Nights = tuple[Night, Results, Night, Results]


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    """The first night's release is champion; then vectors are longer, and items have one attribute
    more, one less.
    """
    finished = finished_first_night(tmp_path_factory)
    one, folder = finished.one, tmp_path_factory.mktemp("changed")
    with running_copy(finished.folder, folder) as (config, first, _):
        release = str(one["train_ranker"].figures["release"])
        first.registry.promote(release, who="test", why="whatever the gate said", at=first.now)
        shop_of(config, first.environment.home).simulate_day(FIRST_NIGHT, {})
        settings: dict[str, Any] = {
            **SETTINGS,
            "two_tower": {**SETTINGS["two_tower"], "dimensions": 24},
        }
        attributes = [
            {"name": "category", "kind": "categorical"},
            {"name": "price", "kind": "numeric"},
            {"name": "words", "column": "title", "kind": "text"},
        ]
        settings["items"] = {**SETTINGS["items"], "attributes": attributes}
        second = Night.open(parse_config(settings), first.environment, SECOND_NIGHT)
        yield first, one, second, {result.stage: result for result in run_all(second)}


def test_the_new_lineage_says_what_has_changed(nights: Nights) -> None:
    *_, two = nights
    figures = two["train_two_tower"].figures
    first_of_lineage = rows(
        nights[2],
        "SELECT why FROM recsys.tower_versions WHERE lineage = :lineage ORDER BY learned_before"
        " LIMIT 1",
        lineage=figures["lineage"],
    )
    why = "settings have changed: dimensions 16 → 24; item attributes + words, - tags"
    assert first_of_lineage["why"][0] == why == figures["why"]


def test_the_champions_lineage_goes_on_under_its_own_settings(nights: Nights) -> None:
    _, one, second, two = nights
    before = str(one["train_two_tower"].figures["lineage"])
    assert two["train_two_tower"].figures["lineage"] != before
    found = rows(
        second,
        "SELECT learned_before, start FROM recsys.tower_versions WHERE lineage = :n",
        n=before,
    )
    assert found["learned_before"].max() == SECOND_NIGHT


def test_readers_get_tonights_lists_whichever_release_serves(nights: Nights) -> None:
    *_, second, two = nights
    served = rows(
        second, "SELECT as_of, release, tower_version FROM recsys.publications WHERE current"
    )
    assert served["as_of"][0] == SECOND_NIGHT
    assert str(served["tower_version"][0]).endswith(SECOND_NIGHT.isoformat())
    assert two["publish"].rows > 300
