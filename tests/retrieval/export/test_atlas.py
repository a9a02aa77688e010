from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from recsys_tasks.config import Attribute
from recsys_tasks.retrieval.export.atlas import Atlas, draw_atlas, traits_of
from recsys_tasks.retrieval.export.atlas_image import centres, write_image
from recsys_tasks.retrieval.export.atlas_page import atlas_page
from recsys_tasks.retrieval.export.files import Named

KINDS = {"mugs": 60, "lamps": 40, "toys": 20}
"""Items of each kind; every second item of any kind is also on sale."""


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    """Three tight groups of directions, so k-means with 120 / 12 = 10 clusters cuts only within
    groups.
    """
    rng = np.random.default_rng(3)
    kind = np.repeat(np.arange(3), list(KINDS.values()))
    vectors = (np.eye(8)[kind] + 0.05 * rng.normal(size=(120, 8))).astype(np.float32)
    names = np.array(list(KINDS))[kind]
    traits = [[name, "sale"] if row % 2 else [name] for row, name in enumerate(names)]
    titles = [f"{name} </script><b> {row}" for row, name in enumerate(names)]
    ids = np.array([f"i{row}" for row in range(120)], object)
    return draw_atlas(
        Named("items", ids, vectors, {"title": titles, "kind": names.tolist()}), traits, seed=1
    )


def test_near_vectors_are_near_on_the_map(atlas: Atlas) -> None:
    kind = np.repeat(np.arange(3), list(KINDS.values()))
    apart = np.linalg.norm(atlas.positions[:, None] - atlas.positions[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (kind[apart.argmin(axis=1)] == kind).mean() > 0.98
    assert atlas.positions.min() >= 0 and atlas.positions.max() <= 1


def test_clusters_come_largest_first_and_are_named_by_what_sets_them_apart(atlas: Atlas) -> None:
    sizes = [cluster.size for cluster in atlas.clusters]
    assert sizes == sorted(sizes, reverse=True) and sum(sizes) == 120
    assert np.bincount(atlas.of).tolist() == sizes
    # "sale" is half of everything, so it names nobody first.
    assert {cluster.name.split(" · ")[0] for cluster in atlas.clusters} == set(KINDS)
    assert all(cluster.share == 1.0 for cluster in atlas.clusters)


def test_a_name_is_the_value_common_here_and_rare_elsewhere() -> None:
    """Two groups of twelve: the first all "x", half of it "rare"; the second all "y"; everybody
    "all".

    Telling is share × log2(lift): "all" 1 × log2 1 = 0, "x" 1 × log2 2 = 1, "rare" .5 × log2 2 =
    .5.
    """
    vectors = np.repeat(np.eye(2, dtype=np.float32), 12, axis=0)
    traits = [["all", "x", "rare"]] * 6 + [["all", "x"]] * 6 + [["all", "y"]] * 12
    found = draw_atlas(Named("items", np.arange(24).astype(object), vectors, {}), traits, seed=1)
    assert sorted((c.name, c.share, c.size) for c in found.clusters) == [
        ("x", 1.0, 12),
        ("y", 1.0, 12),
    ]


@pytest.mark.parametrize("n", [1, 2, 4])
def test_a_handful_of_items(n: int) -> None:
    found = draw_atlas(
        Named("items", np.arange(n).astype(object), np.eye(4, dtype=np.float32)[:n], {}),
        [[]] * n,
        seed=1,
    )
    assert found.positions.shape == (n, 2) and np.isfinite(found.positions).all()
    assert [cluster.name for cluster in found.clusters] == ["mixed"]


def test_traits_are_declared_values_or_words_of_the_title() -> None:
    items = pd.DataFrame(
        {"title": ["Red Tea-Pot 2", "Lid"], "kind": ["pot", None], "tags": ["new|12", ""]}
    )
    declared = (Attribute(name="kind", kind="categorical"), Attribute(name="tags", kind="multi"))
    assert traits_of(items, declared) == [["pot", "new", "tags 12"], []]
    assert traits_of(items, ()) == [["red", "tea", "pot"], ["lid"]]
    words = (Attribute(name="title", kind="text"),)
    assert traits_of(items, words) == [["red", "tea", "pot"], ["lid"]]


def test_the_page_holds_every_item_and_nothing_breaks_out_of_it(atlas: Atlas) -> None:
    page = atlas_page(atlas, "A <map>", "of 120")
    assert page.count("</script>") == 2 and "A &lt;map&gt;" in page and "http" not in page
    found = re.search(r'id="data">(.*?)</script>', page, re.S)
    assert found is not None
    data = json.loads(found[1])
    assert len(data["ids"]) == len(data["x"]) == len(data["about"]["title"]) == 120
    assert data["about"]["title"][0] == "mugs </script><b> 0"
    assert data["of"] == atlas.of.tolist() and len(data["centres"]) == len(data["clusters"])
    # A page's y runs down.
    assert data["y"][5] == pytest.approx(1 - atlas.positions[5, 1], abs=1e-4)


def test_the_image_shows_every_cluster_in_its_colour(atlas: Atlas, tmp_path: Path) -> None:
    write_image(tmp_path / "map.png", atlas, "title", "note")
    with Image.open(tmp_path / "map.png") as image:
        assert image.size == (2400, 2000)
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    assert (pixels == 255).all(axis=1).mean() > 0.5  # paper
    assert len(np.unique(pixels[::7], axis=0)) > 50
    for number, at in enumerate(centres(atlas)):
        assert at.tolist() in atlas.positions[atlas.of == number].tolist()


@pytest.mark.parametrize("name", ["$0_$5", "$10 (20% off) $8", "A$AP #1 Ke$ha", "日本語"])
def test_whatever_a_cluster_is_called_it_is_drawn_without_a_word(name: str, tmp_path: Path) -> None:
    items = Named("items", np.arange(4).astype(object), np.eye(4, dtype=np.float32), {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_image(
            tmp_path / "map.png",
            draw_atlas(items, [[name]] * 4, seed=1),
            f"title {name}",
            f"note {name}",
        )
    assert (tmp_path / "map.png").exists()
