"""Features of a user's own package join the catalogue, the tables and what made them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from recsys_tasks.clock import Cutoffs, start_of
from recsys_tasks.errors import ConfigError
from recsys_tasks.features import catalogue as module
from recsys_tasks.features.build import build_features
from recsys_tasks.features.catalogue import FEATURES, catalogue
from recsys_tasks.features.tables import FeatureTables
from recsys_tasks.snapshot.dataset import Snapshot
from tests.worlds import make_config, make_snapshot

AS_OF = date(2026, 3, 10)
FEATURE = """
from recsys_tasks.features.feature import Feature

MADE = Feature({name!r}, {family!r}, {source!r}, "a feature of ours", lambda t: {build})
"""


class Package:
    """An installed package whose features a test writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "our_features").mkdir()
        (folder / "our_features" / "__init__.py").write_text("")
        info = folder / "our_features-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: our-features\nVersion: 1.0\n")
        self.points = info / "entry_points.txt"
        self.points.write_text("[nightshelf.features]\n")

    def add(self, name: str, family: str, source: str, build: str) -> None:
        text = FEATURE.format(name=name, family=family, source=source, build=build)
        file = f"of_{family}_{len(list(self.folder.rglob('of_*.py')))}"
        (self.folder / "our_features" / f"{file}.py").write_text(text)
        with self.points.open("a") as points:
            points.write(f"{name} = our_features.{file}:MADE\n")
        self.look_again()

    def look_again(self) -> None:
        vars(FEATURES).pop("found", None)
        importlib.invalidate_caches()
        for name in [name for name in sys.modules if name.startswith("our_features")]:
            del sys.modules[name]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    # A file that is written again within a second, at the same size, would be read as it was.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made = Package(folder)
    yield made
    monkeypatch.undo()
    made.look_again()


def snapshot(tmp_path: Path) -> Snapshot:
    """a took x on 7 (a Saturday), 8 and 9 March, b took x on 9 March; nobody took y."""
    rows = [
        (user, "x", start_of(date(2026, 3, day)))
        for user, day in zip("aaab", (7, 8, 9, 9), strict=True)
    ]
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "ts"])
    return make_snapshot(tmp_path, make_config(), AS_OF, events)


def test_features_of_every_family_join_the_tables(package: Package, tmp_path: Path) -> None:
    package.add("weekend_share", "item", "learned", "((t.day + 3) % 7 >= 5).mean()")
    package.add("weekend_events", "user", "history", "((t.day + 3) % 7 >= 5).sum()")
    package.add("double_days", "pair", "derived", "t.days * 2.0")
    shop = snapshot(tmp_path)
    before = FeatureTables.open(build_features(shop, Cutoffs.at(AS_OF)))
    assert before.item_names[-1] == "weekend_share" and before.user_names[-1] == "weekend_events"
    x = shop.items.index[shop.items["item_id"] == "x"][0]
    a = shop.users.index[shop.users["user_id"] == "a"][0]
    assert before.item[x, -1] == 0.5  # 7 and 8 March of four events
    assert before.user[a, -1] == 2.0
    pair = before.pair.gather(
        shop.users.index[[a]].to_numpy("int32"), shop.items.index[[x]].to_numpy("int32")
    )
    assert pair[0, before.pair_names.index("double_days")] == 6.0


def test_another_package_code_makes_other_features_and_none_the_ones_before(
    package: Package, tmp_path: Path
) -> None:
    shop, cutoffs = snapshot(tmp_path), Cutoffs.at(AS_OF)
    plain = build_features(shop, cutoffs)
    package.add("share", "item", "learned", "((t.day + 3) % 7 >= 5).mean()")
    first = build_features(shop, cutoffs)
    assert first.content != plain.content and build_features(shop, cutoffs) == first
    file = next(package.folder.rglob("of_*.py"))
    file.write_text(file.read_text().replace(">= 5", ">= 6"))
    package.look_again()
    second = build_features(shop, cutoffs)
    x = shop.items.index[shop.items["item_id"] == "x"][0]
    assert FeatureTables.open(second).item[x, -1] == 0.25  # 8 March alone
    package.points.write_text("[nightshelf.features]\n")
    package.look_again()
    assert build_features(shop, cutoffs).content == plain.content


def test_a_name_that_is_taken_is_refused(package: Package) -> None:
    package.add("price", "item", "learned", "t.count()")
    catalogue(make_config())  # this shop has no prices, so the name is free
    with pytest.raises(ConfigError, match=r"our-features 1\.0"):
        catalogue(make_config(events={"price_column": "p"}))


@pytest.mark.parametrize(
    ("family", "source", "words"),
    [
        ("basket", "learned", "its family 'basket' is none of"),
        ("item", "segment", "its source 'segment' is none of a item feature"),
        ("segment", "learned", "its source 'learned' is none of a segment feature"),
    ],
)
def test_what_cannot_be_computed_is_refused(
    package: Package, family: str, source: str, words: str
) -> None:
    package.add("ours", family, source, "t.count()")
    with pytest.raises(ConfigError) as caught:
        catalogue(make_config())
    assert words in caught.value.found and "our-features" in caught.value.found


def test_an_expression_that_fails_says_whose_it_is(package: Package, tmp_path: Path) -> None:
    package.add("ours", "item", "learned", "t.colour.nunique()")
    with pytest.raises(ConfigError) as caught:
        build_features(snapshot(tmp_path), Cutoffs.at(AS_OF))
    assert caught.value.where == "our-features 1.0" and "colour" in caught.value.found
    assert "weight" in caught.value.remedy


def test_features_of_segments_need_segments(package: Package) -> None:
    package.add("ours", "segment", "segment", "t.count()")
    assert "ours" not in [one.name for one in catalogue(make_config())]
    segments = {"attributes": [{"name": "c", "kind": "categorical"}], "segment_by": "c"}
    assert [one.name for one in catalogue(make_config(users=segments))].count("ours") == 1


def test_it_is_said_which_column_is_of_which_package(package: Package) -> None:
    package.add("ours", "item", "learned", "t.count()")
    assert module.column_packages() == {"item_ours": "our-features 1.0"}
