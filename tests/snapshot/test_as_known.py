"""What is learned at a past cutoff reads attributes as they were known then, not tonight's."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from recsys_tasks.clock import Cutoffs, start_of
from recsys_tasks.config import Config
from recsys_tasks.features.build import build_features
from recsys_tasks.retrieval.candidates.tables import build_generators
from recsys_tasks.retrieval.tower.embed import embed
from recsys_tasks.retrieval.tower.lineage import train_two_tower
from recsys_tasks.snapshot.as_known import known_at
from recsys_tasks.snapshot.dataset import Snapshot
from tests.worlds import make_config, make_snapshot

ITEMS, USERS = [f"i{n}" for n in range(6)], [f"u{n}" for n in range(8)]


def config() -> Config:
    return make_config(
        items={
            "attributes": [
                {"name": "rating", "kind": "numeric"},
                {"name": "shelf", "kind": "categorical"},
            ]
        },
        users={"attributes": [{"name": "tier", "kind": "categorical"}], "segment_by": "tier"},
        two_tower={"epochs": 1, "dimensions": 8, "members": 1, "batch_size": 16},
    )


def night(
    folder: Path,
    day: int,
    rating: float,
    shelf: str | list[str],
    tier: str | list[str],
    more: tuple[str, ...] = (),
) -> Snapshot:
    """A night of January 2026 with these values in every row or by row, and further items."""
    events = pd.DataFrame(
        [
            (user, ITEMS[(n + d) % 6], start_of(date(2026, 1, d)) + n)
            for d in range(1, day)
            for n, user in enumerate(USERS)
        ],
        columns=["user_id", "item_id", "ts"],
    )
    items = pd.DataFrame({"item_id": [*ITEMS, *more], "rating": rating, "shelf": shelf})
    users = pd.DataFrame({"user_id": USERS, "tier": tier})
    return make_snapshot(folder, config(), date(2026, 1, day), events, items, users)


def values(snapshot: Snapshot, day: int) -> tuple[list[float], list[str], list[str]]:
    then = known_at(snapshot, date(2026, 1, day))
    return then.items["rating"].tolist(), then.items["shelf"].tolist(), then.users["tier"].tolist()


def test_attributes_are_those_of_the_newest_night_up_to_then(tmp_path: Path) -> None:
    night(tmp_path, 4, 1.0, "a", "bronze")
    night(tmp_path, 6, 2.0, "b", "silver")
    tonight = night(tmp_path, 9, 3.0, "c", "gold", more=("new",))
    assert values(tonight, 9) == ([3.0] * 7, ["c"] * 7, ["gold"] * 8)
    # The item that came since has no other value than tonight's.
    assert values(tonight, 8) == ([2.0] * 6 + [3.0], ["b"] * 6 + ["c"], ["silver"] * 8)
    assert values(tonight, 5) == ([1.0] * 6 + [3.0], ["a"] * 6 + ["c"], ["bronze"] * 8)
    # Of a day before every snapshot the oldest knows least of what came after.
    assert values(tonight, 2) == values(tonight, 5)
    assert known_at(tonight, date(2026, 1, 5)).items["available_from"].tolist() == (
        tonight.items["available_from"].tolist()
    )


def test_without_an_earlier_snapshot_they_are_tonights(tmp_path: Path) -> None:
    tonight = night(tmp_path, 9, 3.0, "c", "gold")
    assert known_at(tonight, date(2026, 1, 5)) is tonight


@pytest.mark.parametrize("seen", [True, False])
def test_what_is_learned_at_a_past_cutoff_does_not_depend_on_tonights_values(
    tmp_path: Path, seen: bool
) -> None:
    """Two shops alike until the night of the 6th, whose attributes differ on the 9th: all that is
    made on the 9th at the cutoff of the 6th is the same to the byte. Were it not for the 6th's
    snapshot (`seen`), it would differ: the test can fail.
    """
    made = []
    shops = {
        "one": (3.0, list("aabbcc"), ["gold", "iron"] * 4),
        "two": (9.0, list("abcabc"), ["gold"] * 5 + ["iron"] * 3),
    }
    for name, (rating, shelf, tier) in shops.items():
        folder = tmp_path / name
        if seen:
            night(folder, 6, 2.0, "b", "silver")
        tonight = night(folder, 9, rating, shelf, tier)
        past = Cutoffs.at(date(2026, 1, 6), 0)
        tower = train_two_tower(tonight, past.learned_before)
        made.append(
            {
                "tower": tower.artifact.content,
                "vectors": embed(tonight, tower, past).artifact.content,
                "features": build_features(tonight, past).content,
                "generators": build_generators(tonight, past).content,
            }
        )
    one, two = made
    assert (one == two) is seen
    assert seen or all(one[name] != two[name] for name in one)
