"""Recall after so many seconds of training: of our tower, of stock TFRS, and of ALS and BPR, which
have one point.

Seconds are the processor's, from the events in memory to the vectors, tracing and batches included,
judging not.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from benchmarks import peers
from benchmarks.retrieval.world import THREADS, Clock, Score, Vectors, World
from recsys_tasks.clock import start_of

FIRST_POINT = 0.125
"""Passes after which our curve is first judged; then after twice as many each time, and at the end.
"""

STOCK_EPOCHS, STOCK_PATIENCE = 100, 5
"""Stock TFRS trains until its recall has not risen for so many passes: far longer than its
tutorial's three.
"""


@dataclass(frozen=True)
class Point:
    """What a system has reached after so long."""

    system: str
    seconds: float
    score: Score


def ours(world: World) -> Iterator[Point]:
    """The steps of a cold training as `train_two_tower` takes them; judged as `embed` makes vectors
    of a version.
    """
    from recsys_tasks.retrieval.tower.examples import Draws, newest
    from recsys_tasks.retrieval.tower.inputs import EMPTY
    from recsys_tasks.retrieval.tower.runtime import prepare
    from recsys_tasks.retrieval.tower.training_run import TrainingRun
    from recsys_tasks.retrieval.tower.weights import start_arrays

    settings, resources = world.snapshot.config.two_tower, world.snapshot.config.resources
    prepare(resources)
    clock = Clock()
    run = TrainingRun.open(world.snapshot, world.cutoffs.learned_before, EMPTY, EMPTY)
    examples = newest(run.examples, run.events, settings.newest_per_user, settings.max_examples)
    tower = run.tower(start_arrays(settings, run.rows, resources.seed))
    size = Draws(run.events.user[examples], settings.examples_per_user).size
    steps = size // min(settings.batch_size, size)
    last, judged = steps * settings.epochs, max(int(FIRST_POINT * steps), 1)
    for step, batch in enumerate(chain.from_iterable(run.passes(examples, settings.epochs)), 1):
        tower.train(batch)
        if step in (judged, last):
            judged *= 2
            seconds = clock.stop()
            score = _judged(
                world, run, {name: array.copy() for name, array in tower.arrays().items()}
            )
            print(
                f"  nightshelf/two-tower: {seconds:.0f} s, recall@100 {score.recall_100:.4f}",
                flush=True,
            )
            yield Point("nightshelf/two-tower", seconds, score)
            clock.go_on()


def _judged(world: World, run: object, arrays: dict[str, np.ndarray]) -> Score:
    from recsys_tasks.retrieval.tower.embed import model_of, users_of
    from recsys_tasks.retrieval.tower.lineage import cold_state

    snapshot, cutoffs = world.snapshot, world.cutoffs
    model = model_of(snapshot, cold_state(snapshot, run, arrays))  # type: ignore[arg-type]
    wanted = np.flatnonzero(np.isin(snapshot.users["user_id"], world.users)).astype(np.int32)
    keys, vectors = users_of(snapshot, model, cutoffs, wanted)
    row_of = {user: row for row, user in enumerate(world.users)}
    users: Vectors = np.zeros((len(world.users), vectors.shape[1]), np.float32)
    users[[row_of[user] for user in snapshot.users["user_id"].to_numpy()[keys]]] = vectors
    items = np.full((snapshot.n_items, vectors.shape[1]), np.nan, np.float32)
    existing = snapshot.existing_items(cutoffs.history)
    items[existing] = model.item_vectors(existing)
    return world.judge(users, items)


def stock(world: World) -> Iterator[Point]:
    """`keras.fit` of the tutorial's model, judged after every pass."""
    from benchmarks.retrieval.stock_towers import LEARNING_RATE, AfterEpoch, StockTowers, batches
    from recsys_tasks.retrieval.tower.runtime import tf

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.keras.utils.set_random_seed(world.snapshot.config.resources.seed)
    points: list[Point] = []
    pairs = {name: world.past[name].to_numpy(str) for name in ("user_id", "item_id")}
    clock = Clock()
    users, items = (np.unique(ids) for ids in pairs.values())
    model = StockTowers(users, items)
    model.compile(optimizer=tf.keras.optimizers.Adagrad(learning_rate=LEARNING_RATE))

    def hear(epoch: int) -> bool:
        seconds = clock.stop()
        of_users, of_items = model.vectors()
        score = world.judge(_rows_of(world, users, of_users), world.item_vectors(items, of_items))
        points.append(Point("tfrs-stock", seconds, score))
        print(
            f"  tfrs-stock epoch {epoch}: {seconds:.0f} s, recall@100 {score.recall_100:.4f}",
            flush=True,
        )
        best = int(np.argmax([point.score.recall_100 for point in points]))
        clock.go_on()
        return len(points) - 1 - best < STOCK_PATIENCE

    model.fit(batches(pairs["user_id"], pairs["item_id"]), epochs=STOCK_EPOCHS, verbose=0,
              callbacks=[AfterEpoch(hear)])  # fmt: skip
    yield from points


def factors(world: World) -> Iterator[Point]:
    """ALS and BPR, in the peers' environment."""
    with tempfile.TemporaryDirectory() as folder:
        train = Path(folder) / "train.parquet"
        world.past[["user_id", "item_id", "timestamp"]].to_parquet(train)
        script, cutoff = (
            peers.SCRIPTS / "factors.py",
            str(start_of(world.window.cutoff)),
        )
        subprocess.run(
            [peers.PYTHON, script, train, folder, cutoff, str(THREADS)],
            check=True,
            env={
                "OMP_NUM_THREADS": str(THREADS),
                "OPENBLAS_NUM_THREADS": "1",
                "PATH": "/usr/bin:/bin",
                "HOME": folder,
            },
            cwd=folder,
        )
        for path in sorted(Path(folder).glob("*.npz")):
            with np.load(path) as found:
                users = _rows_of(world, found["users"], found["user_vectors"])
                items = world.item_vectors(found["items"], found["item_vectors"])
                yield Point(path.stem, float(found["seconds"]), world.judge(users, items))


def _rows_of(world: World, user_ids: np.ndarray, vectors: Vectors) -> Vectors:
    """Vectors of the judged users; zeros for one that the system never saw."""
    row_of = {user: row for row, user in enumerate(user_ids.tolist())}
    rows = np.array([row_of.get(user, -1) for user in world.users])
    return np.where(rows[:, None] >= 0, vectors[np.maximum(rows, 0)], np.float32(0.0))


CURVES = {"nightshelf/two-tower": ours, "tfrs-stock": stock, "factors": factors}
