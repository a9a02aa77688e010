"""A map of the catalogue as the tower sees it: items in two dimensions, in clusters named by what
sets them apart.

Positions are t-SNE (van der Maaten and Hinton 2008) of the item vectors, begun from their principal
components; they show who is near whom, and nothing by direction or by the distance between far
groups. Clusters are k-means of the vectors themselves, not of the positions.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from recsys_tasks.arrays import Float32, Float64, Int64
from recsys_tasks.config import Attribute
from recsys_tasks.retrieval.export.files import Named

MAX_CLUSTERS = 16
"""More colours than this are not told apart."""
ITEMS_A_CLUSTER = 12
NEIGHBOURS = 30
SMALLEST_SHARE = 0.1
"""A value that fewer of a cluster have does not name it."""
MIXED = "mixed"
"""Name of a cluster that no value sets apart."""
_WORD = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True)
class Cluster:
    """`name`: the value that most sets it apart; `share` of its items that have it; `size`
    items.
    """

    name: str
    share: float
    size: int


@dataclass(frozen=True)
class Atlas:
    """Item i stands at `positions[i]` in [0, 1]² and is of `clusters[of[i]]`; larger clusters come
    first.
    """

    items: Named
    positions: Float64  # [n, 2]
    of: Int64  # [n]
    clusters: tuple[Cluster, ...]


def draw_atlas(items: Named, traits: Sequence[Sequence[str]], seed: int) -> Atlas:
    """The map of some items; `traits` are the values by which a cluster may be named, for each
    item.
    """
    unit = items.vectors / np.maximum(np.linalg.norm(items.vectors, axis=1, keepdims=True), 1e-12)
    # One thread: the same map on every machine, and no waiting for each other at a thousand small
    # steps.
    with threadpool_limits(1):
        of = _clusters(unit, seed)
        return Atlas(items, _positions(unit, seed), of, _named(of, traits))


def _positions(unit: Float32, seed: int) -> Float64:
    """`[n, 2]` in [0, 1]², the same scale along both axes."""
    n = len(unit)
    if n < 5:
        flat = np.stack([np.arange(n), np.zeros(n)], axis=1)
    else:
        start = PCA(min(2, unit.shape[1]), random_state=seed).fit_transform(unit)
        start = np.pad(start, ((0, 0), (0, 2 - start.shape[1])))
        start = 1e-4 * start / max(float(start[:, 0].std()), 1e-12)
        flat = TSNE(
            perplexity=min(NEIGHBOURS, (n - 1) / 3), init=start, random_state=seed
        ).fit_transform(unit)
    low, high = flat.min(axis=0), flat.max(axis=0)
    middle: Float64 = 0.5 + (flat - (low + high) / 2) / max(float((high - low).max()), 1e-12)
    return middle


def _clusters(unit: Float32, seed: int) -> Int64:
    """`[n]`: cluster of each item, numbered from the largest down."""
    k = int(np.clip(len(unit) // ITEMS_A_CLUSTER, 1, MAX_CLUSTERS))
    labels = KMeans(k, n_init=4, random_state=seed).fit_predict(unit)
    order = np.argsort(-np.bincount(labels, minlength=k), kind="stable")
    rank: Int64 = np.argsort(order)[labels]
    return rank


def _named(of: Int64, traits: Sequence[Sequence[str]]) -> tuple[Cluster, ...]:
    everywhere = Counter(value for values in traits for value in set(values))
    found: list[Cluster] = []
    for number in range(int(of.max(initial=-1)) + 1):
        members = np.flatnonzero(of == number).tolist()
        inside = Counter(value for row in members for value in set(traits[row]))
        best = sorted(
            inside, key=lambda v: (-_telling(inside[v], len(members), everywhere[v], len(of)), v)
        )
        best = [value for value in best if inside[value] >= SMALLEST_SHARE * len(members)] or [
            MIXED
        ]
        taken = {cluster.name for cluster in found}
        name = next(
            (n for n in (best[0], " · ".join(best[:2]), " · ".join(best[:3])) if n not in taken),
            best[0],
        )
        found.append(Cluster(name, inside[best[0]] / len(members), len(members)))
    return tuple(found)


def _telling(inside: int, members: int, everywhere: int, n: int) -> float:
    """How much a value tells of a cluster: common there, and more so than elsewhere (its part of
    the KL divergence).
    """
    share = inside / members
    return share * float(np.log2(share * n / everywhere))


def traits_of(items: pd.DataFrame, attributes: Sequence[Attribute]) -> list[list[str]]:
    """What may name a cluster, item by item: values of its attributes, or words of its title
    without any.
    """
    named = [a for a in attributes if a.kind in ("categorical", "multi")] or [
        a for a in attributes if a.kind == "text"
    ]
    if not named:
        return [_words(title) for title in items["title"]]
    columns = [[list(_values(a, value)) for value in items[a.name]] for a in named]
    return [[value for column in columns for value in column[row]] for row in range(len(items))]


def _values(attribute: Attribute, value: object) -> Iterator[str]:
    if not isinstance(value, str) or not value:
        return
    if attribute.kind == "text":
        yield from _words(value)
        return
    for part in value.split(attribute.separator) if attribute.kind == "multi" else [value]:
        text = part.strip()
        # A bare number or flag says nothing without its attribute's name.
        plain = any(c.isalpha() for c in text) and text.lower() not in (
            "true",
            "false",
            "yes",
            "no",
        )
        yield text if plain else f"{attribute.name} {text}"


def _words(text: object) -> list[str]:
    return [word.lower() for word in _WORD.findall(str(text))]


def about_items(
    items: pd.DataFrame, attributes: Sequence[Attribute]
) -> Mapping[str, Sequence[object]]:
    """Columns to show of items: the title and the declared attributes."""
    return {"title": items["title"].tolist()} | {
        a.name: items[a.name].tolist() for a in attributes if a.name != "title"
    }
