from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recsys_tasks.clock import start_of
from recsys_tasks.config import Watch
from recsys_tasks.errors import ConfigError
from recsys_tasks.metrics import calibration_error
from recsys_tasks.ranking.examples.build import Examples, build_examples
from recsys_tasks.ranking.examples.impressions import listwise
from recsys_tasks.ranking.examples.sampling import CALIBRATION_A
from recsys_tasks.ranking.examples.watch_time import WatchTimes, fulfilling, share_ranks
from recsys_tasks.ranking.models.ranker import Ranker
from recsys_tasks.ranking.models.train import train_ranker
from recsys_tasks.snapshot.dataset import Snapshot
from tests.ranking.planted import ITEMS, RANKER, USERS, World
from tests.worlds import make_config, make_snapshot

WATCHES: dict[str, Any] = {
    "events": {"kinds": [{"name": "watch"}, {"name": "like"}], "quantity_column": "seconds"},
    "items": {"attributes": [{"name": "length", "kind": "numeric"}]},
    "objectives": [
        {"name": "watched", "events": ["watch"], "watch": {"length": "length", "bands": 2}}
    ],
}


def test_a_rank_is_among_items_about_as_long() -> None:
    seconds = np.array([12.0, 30.0, 27.0, 300.0, 1200.0, 600.0])
    lengths = np.array([60.0, 60.0, 30.0, 3600.0, 2400.0, 3600.0])
    # Lengths by size: 30; 60, 60; 2400; 3600, 3600. The lower half are the first band, the upper
    # half the second. Shares: .2 .5 .9 | .083 .5 .167. A rank is (smaller + half of the equal) / 3:
    # 1/6, 3/6, 5/6 in either band.
    ranks = share_ranks(seconds, lengths, Watch(length="length", bands=2))
    np.testing.assert_allclose(ranks * 6, [1, 3, 5, 1, 5, 3])
    # In one band for all, the 27 seconds that are nearly all of a short item come first.
    assert share_ranks(seconds, lengths, Watch(length="length", bands=1)).argmax() == 2


def test_equal_shares_have_equal_ranks_and_what_is_not_known_is_in_the_middle() -> None:
    seconds = np.array([10.0, 10.0, 0.0, np.nan, 5.0, 5.0])
    lengths = np.array([10.0, 10.0, 10.0, 10.0, np.nan, 0.0])
    # One length, so one band: 0 has nothing below and is one of three, 1/6; two whole ones: (1 +
    # 2/2) / 3 = 4/6.
    ranks = share_ranks(seconds, lengths, Watch(length="length"))
    np.testing.assert_allclose(ranks, [4 / 6, 4 / 6, 1 / 6, 0.5, 0.5, 0.5])
    assert len(share_ranks(np.zeros(0), np.zeros(0), Watch(length="length"))) == 0


@pytest.fixture
def small(tmp_path: Path) -> Snapshot:
    config = make_config(
        **{**WATCHES, "objectives": [*WATCHES["objectives"], {"name": "like", "events": ["like"]}]}
    )
    rows = [  # user, item, event, seconds; all on 2026-03-02
        ("a", "short", "watch", 10.0),
        ("a", "short", "watch", 20.0),  # a second view: 30 of 30 seconds in all
        ("b", "short", "watch", 15.0),
        ("a", "long", "watch", 360.0),
        ("b", "long", "watch", 720.0),
        ("b", "odd", "watch", 50.0),  # of unknown length
        ("c", "short", "like", np.nan),
    ]
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "event", "quantity"])
    events["ts"] = start_of(pd.Timestamp("2026-03-02").date()) + np.arange(len(events))
    items = pd.DataFrame({"item_id": ["short", "long", "odd"], "length": [30.0, 3600.0, np.nan]})
    return make_snapshot(tmp_path, config, "2026-03-09", events, items)


def test_views_of_a_pair_add_up_and_other_pairs_are_worth_nothing(small: Snapshot) -> None:
    watched = WatchTimes.of(small, small.config.objectives[0], small.events())
    items = list(small.items["item_id"])
    pairs = [["a-short", "b-short", "a-long"], ["b-long", "b-odd", "c-odd"]]
    asked = np.array(
        [["abc".index(p[0]) * small.n_items + items.index(p[2:]) for p in row] for row in pairs]
    )
    # Short: 30 of 30 s before 15 of 30. Long: 720 of 3600 s before 360. Two pairs a band: ranks 1/4
    # and 3/4.
    assert watched is not None
    np.testing.assert_allclose(watched.worth_of(asked), [[0.75, 0.25, 0.25], [0.75, 0.5, 0.0]])
    assert WatchTimes.of(small, small.config.objectives[1], small.events()) is None
    nothing = WatchTimes.of(small, small.config.objectives[0], small.events().before(0))
    assert nothing is not None
    assert nothing.worth_of(asked).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_measures_count_what_enough_was_watched_of(small: Snapshot) -> None:
    counted = fulfilling(small, small.events())
    # From rank .5: both views of a-short, b-long, b-odd; and the like, whose objective asks no
    # share.
    named = [
        ("abc"[u], small.items["item_id"][i])
        for u, i in zip(counted.user, counted.item, strict=True)
    ]
    assert sorted(named) == [
        ("a", "short"),
        ("a", "short"),
        ("b", "long"),
        ("b", "odd"),
        ("c", "short"),
    ]


def test_a_list_learns_by_what_each_item_is_worth() -> None:
    config, label = make_config(**WATCHES), np.array([True, True, False, True])
    worth, group = np.array([0.02, 0.91, 0.0, 0.5]), np.array([0, 0, 0, 1])
    grade, further = listwise(config, label, np.zeros(4, np.int16), group, worth)
    # In steps of 1/20: .02 is the lowest, .05; .91 is .9; .5 stays. Grades number the gains, 0 is
    # no view.
    assert further["settings"]["label_gain"] == pytest.approx([0.0, 0.05, 0.5, 0.9])
    assert grade.tolist() == [1, 3, 0, 2]
    # A list's rows weigh its ideal gain, .9 + .05 / log2(3) = .9315 and .5, over their mean .7158.
    assert further["weight"] == pytest.approx([1.3014, 1.3014, 1.3014, 0.6985], abs=1e-4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"items": {"attributes": [{"name": "length", "kind": "text"}]}},
            "length 'length' is not a declared numeric",
        ),
        (
            {"items": {}},
            (
                r"objectives\.watched\.watch: length 'length' is not a declared numeric item"
                r" attribute \[\]"
            ),
        ),
        ({"events": {"kinds": [{"name": "watch"}]}}, r"needs events\.quantity_column"),
    ],
)
def test_settings_that_cannot_be_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        make_config(**{**WATCHES, **change})
    assert (
        refused.value.found.startswith("1 mistake(s)")
        and "recsys config check" in refused.value.remedy
    )


# --- a planted world -----------------------------------------------------------------------------

LONG = np.arange(ITEMS) % 2 == 1


class Cinema(World):
    """Half of the items last an hour, the others a minute; what plays next is chance, how much is
    watched is taste.

    Of an hour at most a third is watched: less of a share, and more seconds, than of any minute.
    """

    def chances(self) -> np.ndarray:
        return np.full((USERS, ITEMS), 0.15)

    @property
    def of_items(self) -> dict[str, np.ndarray]:
        return {"length": np.where(LONG, 3600.0, 60.0), "one": np.ones(ITEMS)}

    def acted(self, events: pd.DataFrame) -> pd.DataFrame:
        taste = np.einsum("ij,ij->i", self.users[events.user_id], self.items[events.item_id])
        noise = np.random.default_rng(5).normal(size=len(events)) * 0.1
        share = np.clip((taste + noise + 1) / 2, 0, 1) * np.where(LONG[events.item_id], 1 / 3, 1.0)
        return events.assign(quantity=share * self.of_items["length"][events.item_id])


class Learned:
    """A release of the cinema, and its scores of the held-out users' candidates."""

    def __init__(self, folder: Path, loss: str, length: str = "length", bands: int = 2) -> None:
        objective = {
            "name": "watched",
            "events": ["watch"],
            "watch": {"length": length, "bands": bands},
        }
        attributes = [{"name": name, "kind": "numeric"} for name in ("length", "one")]
        mode = "light_and_heavy" if loss == "lambdarank" else "heavy"
        self.world = Cinema(
            folder,
            events=WATCHES["events"],
            items={"attributes": attributes},
            objectives=[objective],
            # LightGBM never draws the one threshold between two lengths: enough trees that some
            # search for it.
            ranker={**RANKER, "heavy_trees": 100, "mode": mode, "loss": loss},
        )
        artifact = build_examples(self.world.snapshot, self.world.timeline, self.world.windows())
        self.release = train_ranker(
            self.world.config, self.world.snapshot.lake, artifact, lineage="abc"
        )
        data, ranker = Examples.open(artifact), Ranker.open(self.release)
        self.rows = np.flatnonzero(np.asarray(data.part) >= CALIBRATION_A)
        self.scores = ranker.heavy_scores(np.asarray(data.X[self.rows]))
        self.outcome = data.outcome(self.rows, 0)
        frame = pd.DataFrame(
            {name: np.asarray(getattr(data, name))[self.rows] for name in ("group", "user", "item")}
        )
        self.first = (
            frame.assign(score=self.scores)
            .sort_values("score", ascending=False)
            .groupby("group")
            .head(10)
        )

    def taste(self) -> float:
        """Mean cosine of users with what is first in their lists."""
        return float(
            (self.world.users[self.first.user] * self.world.items[self.first.item])
            .sum(axis=1)
            .mean()
        )

    def long(self) -> float:
        """Part of the first places that long items take."""
        return float(LONG[self.first["item"]].mean())


@pytest.mark.parametrize("loss", ["lambdarank", "binary"])
def test_neither_long_items_win_by_their_seconds_nor_short_ones_by_their_share(
    tmp_path: Path, loss: str
) -> None:
    fair = Learned(tmp_path / "fair", loss)
    by_share = Learned(tmp_path / "share", loss, bands=1)
    by_seconds = Learned(tmp_path / "seconds", loss, length="one", bands=1)  # of one second each
    assert 0.4 < fair.long() < 0.6
    assert by_share.long() < 0.25 and by_seconds.long() > 0.75
    assert fair.taste() > max(by_share.taste(), by_seconds.taste()) + 0.05
    # A score is how much will be watched, of all candidates, most of which are not played.
    assert fair.scores.min() >= 0 and fair.scores.max() <= 1
    assert calibration_error(fair.scores, fair.outcome) < 0.02
    stated = json.loads(fair.release.file("release.json").read_text())["calibration_error"][
        "heavy"
    ][0]
    assert stated < 0.03
