"""Ranking metrics over whole batches of users, in plain numpy.

Throughout: `lists [n, k] int32` are item keys, best first, -1 where there is no item, no item twice
in a row. The truth is a CSR pair: row u's items are `items[offsets[u]:offsets[u + 1]]`, each once.
A user without truth has NaN in every per-user metric, so `np.nanmean` leaves that user out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Lists = npt.NDArray[np.int32]

PER_USER = ("ndcg", "hr", "precision", "recall", "map", "mrr")
"""Names of the per-user metrics; `ndcg@10` is the first at k = 10."""


# --- per user ----------------------------------------------------------------------------------


def hit_matrix(lists: Lists, offsets: Ints, items: Lists) -> Bools:
    """`[n, k] bool`: whether the item at each place is in that row's truth."""
    n = len(lists)
    span = np.int64(max(int(lists.max(initial=0)), int(items.max(initial=0))) + 1)
    rows = np.repeat(np.arange(n, dtype=np.int64), np.diff(offsets))
    wanted = np.sort(rows * span + items)
    if len(wanted) == 0:
        return np.zeros(lists.shape, bool)
    shown = np.arange(n, dtype=np.int64)[:, None] * span + lists
    place = np.minimum(np.searchsorted(wanted, shown), len(wanted) - 1)
    return (wanted[place] == shown) & (lists >= 0)


def as_sets(lists: Lists) -> tuple[Ints, Lists]:
    """The items of each row of `lists [n, k]` as a CSR pair: what `hit_matrix` compares with."""
    there = lists >= 0
    return np.concatenate([[0], np.cumsum(there.sum(axis=1))]).astype(np.int64), lists[there]


def ndcg(hits: Bools, sizes: Ints, k: int) -> Floats:
    """`[n]`: discounted gain over that of a list that starts with min(k, |truth|) hits."""
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(sizes, k)]
    gain = hits[:, :k] @ discounts[: hits[:, :k].shape[1]]
    return _divide(gain, ideal)


def hit_rate(hits: Bools, sizes: Ints, k: int) -> Floats:
    """`[n]`: 1 where any of the first k places hits."""
    return _where_truth(hits[:, :k].any(axis=1).astype(float), sizes)


def precision(hits: Bools, sizes: Ints, k: int) -> Floats:
    """`[n]`: hits among the first k places over k, also where the list is shorter."""
    return _where_truth(hits[:, :k].sum(axis=1) / k, sizes)


def recall(hits: Bools, sizes: Ints, k: int) -> Floats:
    """`[n]`: hits among the first k places over the size of the truth."""
    return _divide(hits[:, :k].sum(axis=1).astype(float), sizes.astype(float))


def average_precision(hits: Bools, sizes: Ints, k: int) -> Floats:
    """`[n]`: precision at each hit among the first k, summed, over min(k, |truth|)."""
    top = hits[:, :k]
    at_rank = np.cumsum(top, axis=1) / np.arange(1, top.shape[1] + 1)
    return _divide((at_rank * top).sum(axis=1), np.minimum(sizes, k).astype(float))


def reciprocal_rank(hits: Bools, sizes: Ints, k: int) -> Floats:
    """`[n]`: 1 / place of the first hit among the first k, 0 without one."""
    top = hits[:, :k]
    first = 1.0 / (np.argmax(top, axis=1) + 1) if top.shape[1] else np.zeros(len(top))
    return _where_truth(np.where(top.any(axis=1), first, 0.0), sizes)


def per_user(lists: Lists, offsets: Ints, items: Lists, k: int) -> dict[str, Floats]:
    """Every per-user metric at k, by its full name (`ndcg@10`), `[n]` each."""
    hits, sizes = hit_matrix(lists[:, :k], offsets, items), np.diff(offsets)
    functions = (ndcg, hit_rate, precision, recall, average_precision, reciprocal_rank)
    return {
        f"{name}@{k}": function(hits, sizes, k)
        for name, function in zip(PER_USER, functions, strict=True)
    }


def _divide(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0)


def _where_truth(values: Floats, sizes: Ints) -> Floats:
    return np.where(sizes > 0, values, np.nan)


# --- of all lists together ---------------------------------------------------------------------


def exposure(lists: Lists, n_items: int) -> Ints:
    """`[n_items]`: places that each item takes over all lists."""
    return np.bincount(lists[lists >= 0], minlength=n_items).astype(np.int64)


def coverage(lists: Lists, n_items: int) -> float:
    """Share of the catalogue that is shown to anyone, in [0, 1]; NaN without items."""
    return float(np.count_nonzero(exposure(lists, n_items)) / n_items) if n_items else float("nan")


def popularity_share(lists: Lists, counts: Ints, head: float = 0.01) -> float:
    """Share of all places of `lists [n, k]` that the `head` most counted share of items takes;
    `counts [n_items]`, ties by item key.
    """
    shown = exposure(lists, len(counts))
    top = np.argsort(-counts, kind="stable")[: max(1, round(len(counts) * head))]
    return float(shown[top].sum() / shown.sum()) if shown.sum() else float("nan")


def gini(lists: Lists, n_items: int) -> float:
    """Inequality of exposure over `lists [n, k]`: 0 when each item takes as many places, towards 1
    when one takes all.
    """
    shown = np.sort(exposure(lists, n_items))
    if shown.sum() == 0:
        return float("nan")
    ranks = np.arange(1, n_items + 1)
    return float(((2 * ranks - n_items - 1) * shown).sum() / (n_items * shown.sum()))


def novelty(lists: Lists, counts: Ints) -> float:
    """Mean surprise of a place of `lists [n, k]` in bits, by `counts [n_items]`: -log2 of the
    item's share of `counts`, each item counted once more.
    """
    shown = exposure(lists, len(counts))
    bits = -np.log2((counts + 1) / (counts.sum() + len(counts)))
    return float((shown * bits).sum() / shown.sum()) if shown.sum() else float("nan")


def serendipity(lists: Lists, hits: Bools, counts: Ints) -> Floats:
    """`[n]`: how far each hit stands above its place in plain popularity, summed over the list,
    over its k places.

    The share of the catalogue below a place, less that below the item's place among the most
    counted (ties by item key), where positive: RecTools' definition. `hits` is the hit matrix of
    `lists`.
    """
    rank = np.empty(len(counts) + 1)
    rank[np.append(np.argsort(-counts, kind="stable"), -1)] = np.append(
        np.arange(len(counts)), np.nan
    )
    ahead = (rank[lists] - np.arange(lists.shape[1])) / max(len(counts), 1)
    return np.asarray(
        np.where(hits, np.maximum(np.nan_to_num(ahead), 0.0), 0.0).sum(axis=1)
        / max(lists.shape[1], 1)
    )


def category_coverage(lists: Lists, categories: Ints) -> float:
    """Share of the catalogue's categories that are shown to anyone; `categories [n_items]` are
    codes, -1: none.
    """
    known = np.unique(categories[categories >= 0])
    shown = np.unique(categories[lists[lists >= 0]])
    return float(np.isin(known, shown).mean()) if len(known) else float("nan")


def user_coverage(lists: Lists) -> float:
    """Share of users, rows of `lists [n, k]`, whose every place is filled; NaN without users."""
    return float((lists >= 0).all(axis=1).mean()) if len(lists) else float("nan")


def intra_list_diversity(lists: Lists, categories: npt.NDArray[np.int64]) -> Floats:
    """`[n]`: share of a list's pairs whose categories differ; NaN with fewer than two items.

    `categories [n_items]` are codes by item key.
    """
    code = np.append(categories, -1)[lists]  # a pad is -1: the appended last place
    there = lists >= 0
    differing, pairs = np.zeros(len(lists)), np.zeros(len(lists))
    for gap in range(1, lists.shape[1]):
        both = there[:, gap:] & there[:, :-gap]
        pairs += both.sum(axis=1)
        differing += (both & (code[:, gap:] != code[:, :-gap])).sum(axis=1)
    return _divide(differing, pairs)


def popularity_bias_curve(lists: Lists, n_items: int) -> dict[int, int]:
    """Percent of all places of `lists [n, k]` (10, 20, … 100) → how few items make up that many."""
    shown = np.sort(exposure(lists, n_items))[::-1]
    reached, total = np.cumsum(shown), shown.sum()
    steps = range(10, 101, 10)
    if total == 0:
        return dict.fromkeys(steps, 0)
    return {percent: int(np.searchsorted(reached * 100, percent * total)) + 1 for percent in steps}


def popularity_bands(counts: Ints, bands: int = 4) -> Ints:
    """`[n_items]`: 0 for the most counted items, which together hold the first share of all counts,
    and so on.
    """
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    band = np.empty(len(counts), np.int64)
    band[order] = np.minimum(before * bands // max(int(counts.sum()), 1), bands - 1)
    return band


def item_fairness(
    lists: Lists, hits: Bools, truth_items: Lists, counts: Ints, bands: int = 4
) -> dict[str, float]:
    """Whether popular and rare items have the same chance (`lists [n, k]`): spread over popularity
    bands, 0 where all are equal.

    `statistical_parity`: of the chance that an item is shown to a user; `popularity_opportunity`:
    of the chance that an item which the user went on to choose was shown. Spread is standard
    deviation over mean, as RSP and REO of Zhu, Wang and Caverlee, "Measuring and mitigating item
    under-recommendation bias" (SIGIR 2020). NaN where a band's chance is of nothing.
    """
    band = popularity_bands(counts, bands)
    items = np.bincount(band, minlength=bands).astype(float) * len(lists)
    shown = np.bincount(band[lists[lists >= 0]], minlength=bands)
    wanted = np.bincount(band[truth_items], minlength=bands).astype(float)
    found = np.bincount(band[lists[hits]], minlength=bands)
    return {
        "statistical_parity": _spread(_divide(shown.astype(float), items)),
        "popularity_opportunity": _spread(_divide(found.astype(float), wanted)),
    }


def _spread(chances: Floats) -> float:
    known = chances[~np.isnan(chances)]
    return float(known.std() / known.mean()) if len(known) and known.mean() > 0 else float("nan")


# --- of scores ---------------------------------------------------------------------------------


def roc_auc(scores: Floats, outcomes: Bools) -> float:
    """`scores [n]`, `outcomes [n]`: chance that a true outcome has the higher score than a false
    one, a tie counting half; NaN without either.
    """
    true, rows = int(outcomes.sum()), len(outcomes)
    if true in (0, rows):
        return float("nan")
    _, place, size = np.unique(scores, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(size) - (size - 1) / 2.0
    return float(
        (mean_rank[place][outcomes].sum() - true * (true + 1) / 2) / (true * (rows - true))
    )


def pr_auc(scores: Floats, outcomes: Bools) -> float:
    """`scores [n]`, `outcomes [n]`: area under precision by recall as steps (average precision),
    equal scores one step; NaN without true ones.
    """
    if not outcomes.any():
        return float("nan")
    levels, place, size = np.unique(-scores, return_inverse=True, return_counts=True)
    true = np.bincount(place, weights=outcomes, minlength=len(levels))
    reached = np.cumsum(true)
    return float((true * reached / np.cumsum(size)).sum() / reached[-1])


def reliability(
    scores: Floats, outcomes: Bools | Floats, bins: int = 10
) -> list[tuple[float, float, int]]:
    """The reliability curve of `scores [n]` and `outcomes [n]`: (mean score, share of true
    outcomes, rows) of each bin of `calibration_error`.
    """
    if len(scores) == 0:
        return []
    bin_of = _bins(scores, bins)
    rows = np.bincount(bin_of)
    used = rows > 0
    said = np.bincount(bin_of, weights=scores)[used] / rows[used]
    came = np.bincount(bin_of, weights=outcomes.astype(float))[used] / rows[used]
    return [(float(s), float(c), int(n)) for s, c, n in zip(said, came, rows[used], strict=True)]


def calibration_error(scores: Floats, outcomes: Bools | Floats, bins: int = 10) -> float:
    """Expected calibration error: |mean score - share of true outcomes|, averaged over places.

    `scores` and `outcomes` are `[rows]`. Bins hold equally many rows (equal scores share a bin),
    because probabilities of rare events crowd near 0, where bins of equal width would be one bin.
    NaN without rows.
    """
    if len(scores) == 0:
        return float("nan")
    bin_of = _bins(scores, bins)
    gaps = np.bincount(bin_of, weights=scores) - np.bincount(bin_of, weights=outcomes.astype(float))
    return float(np.abs(gaps).sum() / len(scores))


def _bins(scores: Floats, bins: int) -> Ints:
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.asarray(np.searchsorted(edges, scores, side="left"))
