"""Thirty nights of the warm chain, beside a cold tower at the same cutoff and last night's version
untrained.

`python -m benchmarks.retrieval.warm_nights`. Every version is judged on the window that follows its
night, with tonight's histories, by exact search: on all users, on those who were there that day,
and on items first seen in the last 28 days. Seconds are of this process's CPU on one thread, of
training and embedding, loading and export included: a shared machine stretches the clock's. Cold
towers are trained every COLD_EVERY nights, to save hours. One night's gain is small beside what a
seed decides: with `--draws`, chains of other seeds are walked too, and a user's figure is the mean
over them; cold towers are the first's.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from benchmarks import report
from benchmarks.protocols import EXAMPLES, named
from benchmarks.retrieval.nights import SLICES, Truth, freeze_nights, judge, nearest
from recsys_tasks.clock import Cutoffs
from recsys_tasks.config import DEFAULT_CONFIG, Config, TwoTowerConfig, load_config
from recsys_tasks.gate.bootstrap import Bootstrap, paired_bootstrap
from recsys_tasks.retrieval.embeddings import Embeddings
from recsys_tasks.retrieval.tower.embed import embed
from recsys_tasks.retrieval.tower.lineage import TowerVersion, train_two_tower
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.sources.kinds.shop import ShopSource

NIGHTS, COLD_EVERY = 30, 3
SAMPLES, LEVEL = 2000, 0.95
FIRST = {"online-retail-ii": date(2011, 10, 7), "shop": date(2026, 5, 1), "demo": date(2026, 5, 1)}
"""First night of each; Online Retail's last window ends where the test windows begin."""
SHOP_USERS, SHOP_ITEMS = 10_000, 3_000
METRICS = ("recall@100", "ndcg@10")
Judged = dict[
    tuple[str, str], npt.NDArray[np.float64]
]  # (system, slice) → users' figures of one night


@dataclass
class Chain:
    """What the nights have shown so far."""

    judged: dict[date, Judged] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=lambda: {"warm": [], "cold": []})


def settings_of(dataset: str) -> Config:
    """The data set's own settings, one thread; the simulated shop somewhat larger than the demo's.

    The demo's tower is small, so that a demo takes minutes: training it cold takes no longer than a
    few warm nights. A shop of one's own has the tower's defaults: `shop` is the same shop with
    these.
    """
    config = load_config(
        DEFAULT_CONFIG if dataset in ("shop", "demo") else EXAMPLES / f"{dataset}.yaml"
    )
    changes: dict[str, object] = {"resources": config.resources.model_copy(update={"threads": 1})}
    if isinstance(config.source, ShopSource):
        changes["source"] = config.source.model_copy(
            update={"users": SHOP_USERS, "items": SHOP_ITEMS}
        )
    if dataset == "shop":
        changes["two_tower"] = TwoTowerConfig()
    return config.model_copy(update=changes)


def measure() -> list[report.Row]:
    """Both data sets, the shop with two towers."""
    return [row for dataset in FIRST for row in measure_one(dataset, NIGHTS, COLD_EVERY)]


def measure_one(dataset: str, count: int, cold_every: int, draws: int = 1) -> list[report.Row]:
    """Freeze the nights, walk along a chain of each draw, and say what they showed."""
    config, day = settings_of(dataset), timedelta(days=1)
    nights = [FIRST[dataset] + n * day for n in range(count)]
    later = nights[-1] + config.label_window_days * day
    report.OUT.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(
        prefix=f"home-warm-{dataset}-", dir=report.OUT
    ) as home:  # two runs may stand side by side
        snapshots = freeze_nights(config, Path(home), [nights[0] - day, *nights, later])
        chains = []
        for draw in range(draws):
            seeded = _with_seed(snapshots, config.resources.seed + draw)
            chains.append(_walk(dataset, seeded, nights, later, 0 if draw else cold_every))
    return list(_rows(dataset, mean_of(chains), draws))


def _with_seed(snapshots: Mapping[date, Snapshot], seed: int) -> dict[date, Snapshot]:
    """The same nights, to be trained from this seed."""
    nights = {}
    for night, snapshot in snapshots.items():
        resources = snapshot.config.resources.model_copy(update={"seed": seed})
        nights[night] = replace(
            snapshot, config=snapshot.config.model_copy(update={"resources": resources})
        )
    return nights


def _walk(
    dataset: str,
    snapshots: Mapping[date, Snapshot],
    nights: Sequence[date],
    later: date,
    cold_every: int,
) -> Chain:
    """One chain along the nights; a cold tower every `cold_every`, never with 0."""
    chain, eve, days = (
        Chain(),
        nights[0] - timedelta(days=1),
        snapshots[later].config.label_window_days,
    )
    version = train_two_tower(snapshots[eve], eve)
    for n, night in enumerate(nights):
        truth = Truth.of(night, snapshots[later], days)
        version = _one_night(
            chain, snapshots[night], version, truth, cold=cold_every > 0 and n % cold_every == 0
        )
        print(f"{dataset} {night}: {_line(chain, night)}", flush=True)
    return chain


def mean_of(chains: Sequence[Chain]) -> Chain:
    """Of each user's figures on a night, the mean over the chains that have such; everybody's
    seconds.
    """
    mean = Chain()
    for night in chains[0].judged:
        found = [chain.judged[night] for chain in chains]
        mean.judged[night] = {
            key: np.mean([one[key] for one in found if key in one], axis=0) for key in found[0]
        }
    for system, seconds in mean.seconds.items():
        seconds.extend(second for chain in chains for second in chain.seconds[system])
    return mean


def _one_night(
    chain: Chain, snapshot: Snapshot, before: TowerVersion, truth: Truth, cold: bool
) -> TowerVersion:
    """Train tonight's version, judge it beside the others, and hand it on."""
    found: dict[str, Embeddings] = {}
    found["untrained"] = embed(snapshot, before, Cutoffs(before.learned_before, snapshot.as_of))
    found["warm"], version = _timed(chain.seconds["warm"], snapshot, before)
    if cold:
        found["cold"], _ = _timed(chain.seconds["cold"], snapshot, None)
    chain.judged[snapshot.as_of] = {
        (system, name): judge(nearest(embeddings, truth.slice(name)), truth.slice(name))
        for system, embeddings in found.items()
        for name in SLICES
    }
    return version


def _timed(
    seconds: list[float], snapshot: Snapshot, parent: TowerVersion | None
) -> tuple[Embeddings, TowerVersion]:
    started = time.process_time()
    version = train_two_tower(snapshot, snapshot.as_of, parent)
    embeddings = embed(snapshot, version, Cutoffs.at(snapshot.as_of))
    seconds.append(time.process_time() - started)
    return embeddings, version


def _line(chain: Chain, night: date) -> str:
    """One night's recall of each system on each slice."""
    judged = chain.judged[night]
    parts = []
    for name in SLICES:
        figures = [
            f"{s} {rows[:, 1].mean():.4f}"
            for (s, of), rows in judged.items()
            if of == name and len(rows)
        ]
        parts.append(f"{name}: {', '.join(figures)}")
    cold = f" of {chain.seconds['cold'][-1]:.1f}" if chain.seconds["cold"] else ""
    return f"{' | '.join(parts)} | {chain.seconds['warm'][-1]:.1f}{cold} s"


def compare(chain: Chain, system: str, other: str, name: str, column: int, by: str) -> Bootstrap:
    """Relative gain of a system over another, over the nights that have both.

    What is drawn anew is users, each with all their nights (windows of neighbouring nights
    overlap), or nights.
    """
    ours, theirs, groups = [], [], []
    for number, judged in enumerate(chain.judged.values()):
        if (other, name) not in judged:
            continue
        rows, base = judged[system, name], judged[other, name]
        ours.append(rows[:, column])
        theirs.append(base[:, column])
        groups.append(rows[:, 0].astype(int) if by == "users" else np.full(len(rows), number))
    _, group = np.unique(np.concatenate(groups), return_inverse=True)
    our_sums, their_sums = (
        np.bincount(group, weights=np.concatenate(values)).astype(np.float64)
        for values in (ours, theirs)
    )
    return paired_bootstrap(our_sums, their_sums, SAMPLES, 1)


def _rows(dataset: str, chain: Chain, draws: int) -> Iterator[report.Row]:
    """Means over nights, gains with their intervals, and the share of cold's seconds."""
    nights = len(chain.judged)
    for name in SLICES:
        what = (dataset, f"warm-start {name}", "mean")
        for column, metric in enumerate(METRICS, 1):
            k = int(metric.split("@")[1])
            for system in ("untrained", "warm", "cold"):
                rows = [
                    judged[system, name]
                    for judged in chain.judged.values()
                    if (system, name) in judged
                ]
                value = float(np.concatenate(rows)[:, column].mean())
                runs = len(rows) * (1 if system == "cold" else draws)
                yield report.Row(*what, f"nightshelf/{system}", metric, k, nights, value, runs=runs)
            for other in ("untrained", "cold"):
                for by in ("users", "nights"):
                    found = compare(chain, "warm", other, name, column, by)
                    low, high = found.interval(LEVEL)
                    gains = {"gain": found.relative, f"low over {by}": low, f"high over {by}": high}
                    for label, value in gains.items():
                        metric_name = f"{metric} {label}"
                        yield report.Row(
                            *what, f"warm over {other}", metric_name, k, nights, value, "relative"
                        )
    warm, cold = (float(np.mean(chain.seconds[system])) for system in ("warm", "cold"))
    what = (dataset, "warm-start seconds", "mean")
    for system, seconds in (("warm", warm), ("cold", cold)):
        yield report.Row(*what, f"nightshelf/{system}", "seconds", 0, nights, seconds, "CPU s")
    yield report.Row(*what, "warm over cold", "seconds", 0, nights, warm / cold, "share")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", nargs="*", type=named(*FIRST), default=list(FIRST))
    parser.add_argument("--nights", type=int, default=NIGHTS)
    parser.add_argument("--cold-every", type=int, default=COLD_EVERY)
    parser.add_argument("--draws", type=int, default=1)
    arguments = parser.parse_args()
    if min(arguments.nights, arguments.cold_every, arguments.draws) < 1:
        parser.error("--nights, --cold-every and --draws count from 1")
    for dataset in arguments.datasets:
        for row in measure_one(dataset, arguments.nights, arguments.cold_every, arguments.draws):
            print(f"{row.protocol:30} {row.system:22} {row.metric:30} {row.value:9.4f} {row.unit}")


if __name__ == "__main__":
    main()
