"""Examples a second of one training step: ours, the softmax's own products alone, and stock TFRS
with Adam.

Catalogues are made up: ids only, of uneven popularity, and users of a dozen events each, so that a
history holds six on average. A process a system and size; seconds are the processor's, the median
of some runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.retrieval.world import THREADS
from recsys_tasks.config import Config, TwoTowerConfig, parse_config
from recsys_tasks.snapshot.events import Events

SIZES = (10_000, 100_000, 1_000_000)
USERS, EVENTS_PER_USER, BATCH = 100_000, 12, 1024
RUNS, WARM_STEPS = 3, 5
STEPS, STOCK_STEPS = 100, 10
"""Steps of one run; stock TFRS with Adam needs seconds for one."""

OURS = "nightshelf/two-tower"
SYSTEMS = (OURS, "tfrs-stock-adam-32", "tfrs-stock-adam-128")
"""Stock TFRS with vectors of its tutorial's size, and of one of our members'."""

Rates = dict[str, list[float]]


def measure() -> list[report.Row]:
    """Examples a second of every system at every size, and what is asked of them."""
    found = {(system, size): _measured(system, size) for size in SIZES for system in SYSTEMS}
    rows = [
        _row(name, "examples/s", size, float(np.median(rates)), "examples/s")
        for (_, size), systems in found.items()
        for name, rates in systems.items()
    ]
    return rows + list(_ratios(rows))


def _ratios(rows: list[report.Row]) -> Iterator[report.Row]:
    rate = {(row.system, row.size): row.value for row in rows}
    for size in SIZES:
        mine = rate[OURS, size]
        others = {
            name: rate[name, size] for name in ("softmax's products", "all products", *SYSTEMS[1:])
        }
        shares = {f"÷ {name}": mine / value for name, value in others.items()}
        for metric, value in {
            **shares,
            "÷ its own at 10 k items": mine / rate[OURS, SIZES[0]],
        }.items():
            yield _row(OURS, metric, size, value, "×")


def _row(system: str, metric: str, size: int, value: float, unit: str) -> report.Row:
    return report.Row(
        "synthetic", f"batch {BATCH}", "mean", system, metric, 0, size, value, unit, RUNS
    )


def _measured(system: str, size: int) -> Rates:
    """Name → examples a second of each run, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.retrieval.step_speed", system, str(size)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: Rates = json.loads(done.stdout.strip().splitlines()[-1])
    shown = ", ".join(f"{name} {np.median(rates):,.0f}" for name, rates in found.items())
    print(f"  {size:,} items: {shown} examples/s", flush=True)
    return found


def _timed(work: Callable[[], Any], steps: int) -> list[float]:
    """Examples a second of each run of `steps` steps."""
    rates = []
    for _ in range(RUNS):
        started = time.process_time()
        work()
        rates.append(BATCH * steps / (time.process_time() - started))
    return rates


# --- systems -------------------------------------------------------------------------------------


def events_of(items: int) -> Events:
    """A dozen events a user, an hour apart; the popular items lie anywhere among the keys."""
    rng = np.random.default_rng(1)
    n = USERS * EVENTS_PER_USER
    user = np.repeat(np.arange(USERS, dtype=np.int32), EVENTS_PER_USER)
    item = rng.permutation(items).astype(np.int32)[(rng.random(n) ** 3 * items).astype(np.int64)]
    ts = np.tile(np.arange(EVENTS_PER_USER, dtype=np.int64), USERS) * 3600
    one = np.ones(n, np.float32)
    return Events(user, item, ts, np.zeros(n, np.int8), one, one, one)


def ours(items: int) -> Rates:
    """The default two-tower, batches made and learned from as in a training; then its products
    alone.
    """
    from recsys_tasks.retrieval.tower.inputs import EMPTY
    from recsys_tasks.retrieval.tower.runtime import prepare
    from recsys_tasks.retrieval.tower.training_run import TrainingRun
    from recsys_tasks.retrieval.tower.weights import start_arrays

    config, empty = _config(), np.zeros((items, 1), np.int32)
    prepare(config.resources)
    keys = np.arange(items, dtype=np.int32)
    nothing, always = np.zeros((USERS, 1), np.int32), np.zeros(items, np.int64)
    run = TrainingRun(
        config, USERS, events_of(items), EMPTY, EMPTY, empty, nothing, {}, keys, always
    )
    tower = run.tower(start_arrays(config.two_tower, run.rows, 1))
    batches = next(iter(run.passes(run.examples, 1)))

    def train(steps: int = STEPS) -> None:
        for _ in range(steps):
            tower.train(next(batches))

    train(WARM_STEPS)
    return {OURS: _timed(train, STEPS), **_products(config.two_tower)}


def _config() -> Config:
    return parse_config(
        {
            "project": "bench",
            "source": {"kind": "files", "events": "unused", "items": "unused"},
            "objectives": [{"name": "purchase", "events": ["purchase"]}],
            "two_tower": {"batch_size": BATCH},
            "resources": {"threads": THREADS},
        }
    )


def _products(settings: TwoTowerConfig) -> Rates:
    """The floor: every member's scores of a batch and their two gradients; and with the user
    towers' two layers.
    """
    from recsys_tasks.retrieval.tower.runtime import tf

    k = settings.dimensions // settings.members
    softmax = [(BATCH, k, BATCH)] * settings.members
    layers = [(BATCH, 3 * k, 2 * k), (BATCH, 2 * k, k)] * settings.members

    def product_of(shapes: list[tuple[int, int, int]]) -> Callable[[], None]:
        sides = [tuple(tf.random.normal(s) for s in ((n, k), (k, m), (n, m))) for n, k, m in shapes]

        @tf.function
        def forward_and_backward(sides: Any) -> Any:
            return [
                (
                    tf.matmul(a, b),
                    tf.matmul(g, b, transpose_b=True),
                    tf.matmul(a, g, transpose_a=True),
                )
                for a, b, g in sides
            ]

        def work() -> None:
            for _ in range(STEPS):
                made = forward_and_backward(sides)
            made[0][0].numpy()

        work()
        return work

    return {
        "softmax's products": _timed(product_of(softmax), STEPS),
        "all products": _timed(product_of(softmax + layers), STEPS),
    }


def stock(items: int, dimensions: int) -> Rates:
    """The tutorial's towers with Adam, whose moments of every row move at every step, by
    `keras.fit`.
    """
    from benchmarks.retrieval.stock_towers import AfterEpoch, StockTowers, batches
    from recsys_tasks.retrieval.tower.runtime import tf

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    events, taken = events_of(items), BATCH * STOCK_STEPS
    user_ids, item_ids = (np.arange(count).astype(str) for count in (USERS, items))
    model = StockTowers(user_ids, item_ids, dimensions)
    model.compile(optimizer=tf.keras.optimizers.Adam())
    chosen = np.random.default_rng(1).permutation(len(events))[:taken]
    pairs = batches(user_ids[events.user[chosen]], item_ids[events.item[chosen]], BATCH)
    ends = [0.0]

    def hear(epoch: int) -> bool:
        ends.append(time.process_time())
        return True

    # The first pass traces and fills the cache.
    model.fit(pairs, epochs=RUNS + 1, verbose=0, callbacks=[AfterEpoch(hear)])
    return {
        f"tfrs-stock-adam-{dimensions}": [taken / seconds for seconds in np.diff(ends[1:]).tolist()]
    }


if __name__ == "__main__":
    name, size = sys.argv[1], int(sys.argv[2])
    print(json.dumps(ours(size) if name == OURS else stock(size, int(name.rsplit("-", 1)[1]))))
