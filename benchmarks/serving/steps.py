"""Where a user's microseconds go on one core, and the floor of each step: what no arrangement of
this work can avoid.

A floor is measured, not assumed: the library call alone, or the bare loads, multiplications,
comparisons and bytes.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from threadpoolctl import threadpool_limits

from benchmarks.crowd import AS_OF, ITEMS, SETTINGS, reopen
from benchmarks.serving.floors import floors_of
from recsys_tasks import schema
from recsys_tasks.clock import Cutoffs
from recsys_tasks.config import parse_config
from recsys_tasks.database import create_engine
from recsys_tasks.database.binary import encode
from recsys_tasks.lake import Lake
from recsys_tasks.lake.table_files import writing
from recsys_tasks.ranking.lists import recommender as recommender_module
from recsys_tasks.ranking.lists.recommender import Recommender
from recsys_tasks.ranking.models import ranker as ranker_module
from recsys_tasks.ranking.models.ranker import Ranker
from recsys_tasks.retrieval.candidates import source as candidates_module
from recsys_tasks.retrieval.index.build import ScannSearcher
from recsys_tasks.serving import precompute
from recsys_tasks.serving.load import load_lists
from recsys_tasks.serving.publication import PublicationSpec
from recsys_tasks.serving.publish import create_publication
from recsys_tasks.snapshot.dataset import open_snapshot

USERS, REPEATS = 8192, 5
COPIES = 16
CONFIG = parse_config(SETTINGS)
Steps = list[tuple[str, float, float]]


def measured_steps(
    crowd: Path, release: tuple[Path, str], urls: dict[str, str], publication: int, checks: float
) -> Steps:
    """(step, µs a user and core, floor in µs) for some users of a crowd.

    `publication`: of the whole crowd; its checks and seal took `checks` seconds, in one process.
    """
    inputs = reopen(crowd)
    snapshot = open_snapshot(CONFIG, Lake(crowd), AS_OF)
    ranker = Ranker.open(Lake(release[0]).require("release", release[1]), 1)
    recommender = Recommender.of(snapshot, inputs, ranker)
    users = np.load(crowd / "users.npy")[:USERS]
    blocks = [
        users[at : at + CONFIG.serving.block_users]
        for at in range(0, len(users), CONFIG.serving.block_users)
    ]
    with threadpool_limits(1, "blas"):
        times = _timed(recommender, blocks)
        floors = floors_of(inputs, ranker, blocks[0])
    times["load"], floors["load"] = _loading(urls, publication, recommender, blocks)
    everyone = len(np.load(crowd / "users.npy"))
    times["checks and seal"], floors["checks and seal"] = (
        seconds * 1e6 / everyone for seconds in (checks, _read_and_sorted(urls, publication))
    )
    return [(name, times[name], floors.get(name, 0.0)) for name in times]


# --- the steps ------------------------------------------------------------------------------------


class Stopwatch:
    """Seconds by step; a step inside another is not counted twice."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inside: list[float] = []

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **named: Any) -> Any:
            self._inside.append(0.0)
            started = time.perf_counter()
            try:
                return function(*args, **named)
            finally:
                took = time.perf_counter() - started
                self.seconds[name] = self.seconds.get(name, 0.0) + took - self._inside.pop()
                if self._inside:
                    self._inside[-1] += took

        return timed


def _timed(recommender: Recommender, blocks: list[np.ndarray]) -> dict[str, float]:
    size = CONFIG.serving.k + CONFIG.serving.spares
    eligible = np.ones(ITEMS, bool)
    recommender.recommend(blocks[0], size, eligible=eligible)  # compiled by now
    best: dict[str, float] = {}
    for _ in range(REPEATS):
        watch = Stopwatch()
        with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
            for owner, attribute, name in _STEPS:
                stack.enter_context(
                    patch.object(owner, attribute, watch.wrap(name, getattr(owner, attribute)))
                )
            rank = watch.wrap("rules and the rest", recommender.recommend)
            rows = watch.wrap("rows", precompute.lists_table)
            path, kind = Path(folder) / "lists", schema.LISTS.schema
            with writing(path, kind) as file:
                write = watch.wrap("rows", file.write_table)
                for block in blocks:
                    write(
                        rows(
                            rank(block, size, eligible=eligible),
                            CONFIG.serving.k,
                            CONFIG.serving.spares,
                        )
                    )
        if not best or sum(watch.seconds.values()) < sum(best.values()):
            best = watch.seconds
    return {name: seconds / USERS * 1e6 for name, seconds in best.items()}


_STEPS = (
    (ScannSearcher, "search", "search"),
    (candidates_module.CandidateSource, "block", "other generators"),
    (candidates_module, "fuse", "fusion"),
    (recommender_module, "feature_matrix", "columns"),
    (ranker_module, "predict_objectives", "trees"),
    (recommender_module, "best", "light cut"),
    (recommender_module, "explained", "reasons"),
)


# --- the database ---------------------------------------------------------------------------------


def _loading(
    urls: dict[str, str], publication: int, recommender: Recommender, blocks: list[np.ndarray]
) -> tuple[float, float]:
    """µs a user of loading a shard of lists, and of the server taking their very bytes, ready made,
    by itself.
    """
    size = CONFIG.serving.k + CONFIG.serving.spares
    serving = CONFIG.serving
    made = [
        precompute.lists_table(recommender.recommend(block, size), serving.k, serving.spares)
        for block in blocks
    ]
    keys = 1 + max(int(block.max()) for block in blocks)
    lists = [
        _of_others(table, copy * keys) for copy in range(COPIES) for table in made
    ]  # as many as a shard has
    engine, owner = create_engine(urls["recsys"]), create_engine(urls["recsys_owner"])
    spec = PublicationSpec(
        AS_OF.replace(year=AS_OF.year + 1),
        Cutoffs.at(AS_OF),
        f"steps-{time.time_ns()}",
        None,
        None,
        USERS,
        serving.k,
        serving.spares,
        1,
    )
    opened = create_publication(engine, spec, time_now())
    started = time.perf_counter()
    load_lists(engine, opened, iter(lists), 0)
    loaded = time.perf_counter() - started
    copied = _copied(owner, f"recsys.list_rows_{publication}", opened.id, lists)
    engine.dispose()
    owner.dispose()
    return loaded * 1e6 / (COPIES * USERS), copied * 1e6 / (COPIES * USERS)


def _of_others(lists: pa.Table, further: int) -> pa.Table:
    """The same lists, of users with other keys."""
    at = lists.schema.get_field_index("user_key")
    return lists.set_column(
        at, "user_key", pa.array(lists["user_key"].to_numpy() + np.int32(further))
    )


def _read_and_sorted(urls: dict[str, str], publication: int) -> float:
    """Seconds in which the server reads every row of a publication once and sorts the keys, as
    their index needs it.
    """
    engine = create_engine(urls["recsys_owner"])
    with engine.connect() as connection:
        for setting in ("jit = off", "work_mem = '64MB'", "max_parallel_workers_per_gather = 0"):
            connection.execute(sa.text(f"SET {setting}"))
        keys = f"SELECT user_key FROM recsys.list_rows_{publication} ORDER BY user_key OFFSET 0"
        started = time.perf_counter()
        connection.execute(sa.text(f"SELECT count(*) FROM ({keys}) AS k"))
        taken = time.perf_counter() - started
    engine.dispose()
    return taken


def _copied(engine: sa.engine.Engine, like: str, publication: int, lists: list[pa.Table]) -> float:
    """Seconds in which the server takes the very bytes, ready made, into a table without any
    constraint.
    """
    fixed = {
        "shard": pa.scalar(0, pa.int16()),
        "publication_id": pa.scalar(publication, pa.int64()),
    }
    batches = [batch for table in lists for batch in table.to_batches()]
    for name, value in fixed.items():
        batches = [batch.append_column(name, pa.repeat(value, batch.num_rows)) for batch in batches]
    names = ", ".join(batches[0].schema.names)
    pieces = [bytes(piece) for batch in batches for piece in encode(batch)]
    with engine.connect() as connection:
        connection.execute(
            sa.text(
                f"CREATE TABLE recsys.copied_lists (LIKE {like}) WITH (toast_tuple_target = 8160)"
            )
        )
        connection.commit()
        started = time.perf_counter()
        cursor: Any = connection.connection.cursor()
        with cursor.copy(
            f"COPY recsys.copied_lists ({names}) FROM STDIN WITH (FORMAT binary)"
        ) as copy:
            copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
            for piece in pieces:
                copy.write(piece)
            copy.write(b"\xff\xff")
        connection.commit()
        copied = time.perf_counter() - started
        connection.execute(sa.text("DROP TABLE recsys.copied_lists"))
        connection.commit()
        return copied


def time_now() -> Any:
    from benchmarks.serving.precompute import NOW

    return NOW
