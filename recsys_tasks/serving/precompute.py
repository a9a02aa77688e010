"""One shard of tonight's lists: its active users, ranked block by block, written to the lake.

A shard is a function of the user keys alone, so it can be run again by itself, on any machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

from recsys_tasks import schema
from recsys_tasks.clock import DAY_SECONDS, Cutoffs, day_of
from recsys_tasks.config import Config, ServingConfig, config_hash
from recsys_tasks.hashes import splitmix64
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import in_order
from recsys_tasks.lake import Artifact, Draft, Lake
from recsys_tasks.lake.keys import ListsKey
from recsys_tasks.lake.table_files import writing
from recsys_tasks.progress import Progress
from recsys_tasks.serving.kinds import LISTS
from recsys_tasks.snapshot.dataset import Snapshot

BUCKETS = 256
RELEASE_EVERY = 2
"""Blocks after which the memory of the rows that were read of users' tables is freed. Freeing it
costs page faults later, so it is not done after each block.
"""
VARIANT = "default"
TOO_FEW = "too_few_candidates"
LISTS_FILE = "lists.arrow"
"""Arrow's IPC format: the file is written once and read once, as a whole, and Parquet took three
times as long.
"""
_OLDER_FILE = "lists.parquet"
"""The name of the file that older versions wrote."""


class Ranked(Protocol):
    """Ranked lists of n users, arrays `[n, s]` with -1 items at the end of a short row."""

    @property
    def users(self) -> Keys:
        """User keys, `[n] int32`."""
        ...

    @property
    def items(self) -> npt.NDArray[np.int32]:
        """Item keys, `[n, s] int32`, -1 pads."""
        ...

    @property
    def scores(self) -> npt.NDArray[np.float32]:
        """`[n, s] float32`."""
        ...

    @property
    def sources(self) -> npt.NDArray[np.int16]:
        """Bit masks over the generators, `[n, s] int16`."""
        ...

    @property
    def reasons(self) -> npt.NDArray[np.int8]:
        """Indexes into schema.REASONS, `[n, s] int8`."""
        ...

    @property
    def reason_items(self) -> npt.NDArray[np.int32]:
        """Anchor items, `[n, s] int32`, -1 for none."""
        ...

    @property
    def ranks_before(self) -> npt.NDArray[np.int16]:
        """1-based ranks before the re-rank, `[n, s] int16`."""
        ...

    @property
    def propensities(self) -> npt.NDArray[np.float32]:
        """Chances of the draws, 1 without one, `[n, s] float32`."""
        ...

    @property
    def rung(self) -> npt.NDArray[np.int8]:
        """Indexes into schema.RUNGS, `[n] int8`."""
        ...


class Recommends(Protocol):
    """What ranks: the very composition that the gate judged."""

    def recommend(self, users: Keys, k: int, *, eligible: npt.NDArray[np.bool_] | None) -> Ranked:
        """Lists of `users [n] int32`, in their order; `eligible [n_items] bool`, None for all."""
        ...

    def release(self) -> None:
        """Give back the memory of the users looked up so far."""
        ...


def active_users(snapshot: Snapshot, config: Config, cutoffs: Cutoffs) -> Keys:
    """Users who get a list of their own, `[n] int32`, sorted: those with min_events events or more
    within within_days before the history cutoff.
    """
    start = cutoffs.history - config.activity.within_days * DAY_SECONDS
    counts = np.zeros(snapshot.n_users, np.int64)
    days = day_of(start), cutoffs.history_before
    for events in snapshot.event_tables(["user_key", "ts"], *days):
        ts = events["ts"].to_numpy()
        inside = (ts >= start) & (ts < cutoffs.history)
        counts += np.bincount(events["user_key"].to_numpy()[inside], minlength=len(counts))
    keys: Keys = np.flatnonzero(counts >= config.activity.min_events).astype(np.int32)
    return keys


def buckets(users: Keys) -> npt.NDArray[np.uint8]:
    """Bucket of each user, `[n] uint8`: the low byte of splitmix64 of the key, the same for
    ever.
    """
    return (splitmix64(users) & np.uint64(BUCKETS - 1)).astype(np.uint8)


def shard_users(users: Keys, shard: int, shards: int) -> Keys:
    """Those of `users [n] int32` that are in one shard, in their order.

    Every user is in exactly one of `shards`. Raises ValueError for more than 256 shards, and for a
    number that is none of them.
    """
    if not 0 <= shard < shards <= BUCKETS:
        raise ValueError(f"shard {shard} of {shards}: need 0 <= shard < shards <= {BUCKETS}")
    return users[buckets(users) % shards == shard]


def blocks(users: Keys, block_users: int) -> Iterator[Keys]:
    """The `users [n] int32` of a shard in the blocks that are computed at once: at most
    `block_users` of one bucket, sorted.

    Whatever the division into shards, a user is computed beside the same others, so the lists are
    the same to the bit.
    """
    bucket = buckets(users)
    order = np.lexsort((users, bucket))
    bounds = np.searchsorted(bucket[order], np.arange(BUCKETS + 1))
    for start, stop in pairwise(bounds):
        for at in range(start, stop, block_users):
            yield users[order[at : min(at + block_users, stop)]]


def lists_table(ranked: Ranked, k: int, spares: int, variant: str = VARIANT) -> pa.Table:
    """Ranked lists as schema.LISTS rows, sorted by user key; a row below k items says why."""
    sort = np.argsort(ranked.users, kind="stable")
    order = slice(None) if (sort[1:] > sort[:-1]).all() else sort  # a slice copies nothing
    present = ranked.items[order, : k + spares] >= 0
    lengths = present.sum(axis=1)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    full = bool(present.all())

    def column(values: npt.NDArray[np.generic], kind: pa.DataType) -> pa.Array:
        kept = values[order, : k + spares]
        kept = kept.ravel() if full else kept[present]
        return pa.ListArray.from_arrays(
            offsets, pa.array(kept.astype(kind.to_pandas_dtype(), copy=False), kind)
        )

    columns = {
        "user_key": pa.array(ranked.users[order], pa.int32()),
        "variant": pa.repeat(pa.scalar(variant), len(lengths)),
        "rung": pa.array(ranked.rung[order], pa.int8()),
        "items": column(ranked.items, pa.int32()),
        "scores": column(ranked.scores, pa.float32()),
        "sources": column(ranked.sources, pa.int16()),
        "reasons": column(ranked.reasons, pa.int8()),
        "reason_items": column(ranked.reason_items, pa.int32()),
        "ranks_before": column(ranked.ranks_before, pa.int16()),
        "propensities": column(ranked.propensities, pa.float32()),
        "short_reason": pa.array(np.full(len(lengths), TOO_FEW), pa.string(), mask=lengths >= k),
    }
    return pa.table(columns, schema=schema.LISTS.schema)


@dataclass(frozen=True)
class Shard:
    """One shard of a publication's lists, and all that its lists are made from."""

    token: str
    """Of the publication: the lists are the artifact `lists/<token>.<number>`."""
    number: int
    serving: ServingConfig
    inputs: Mapping[str, str]
    """Content hashes of all that the recommender reads."""
    settings: str = ""
    """Hash of the recommender's configuration."""


def precompute_shard(
    lake: Lake,
    shard: Shard,
    recommender: Recommends,
    users: Keys,
    *,
    eligible: npt.NDArray[np.bool_] | None,
    threads: int = 1,
) -> Artifact:
    """Rank all active users of one shard and keep their lists in the lake.

    `users [n] int32`: every active user; the shard takes its own. `eligible [n_items] bool`: items
    that may be shown, None for all. A no-op when these lists are there already. Memory grows with
    block_users and threads, not with the shard's users. Raises ValueError for a shard that the
    settings do not have.
    """
    serving, key = shard.serving, str(ListsKey(shard.token, shard.number))
    size = serving.k + serving.spares
    own = shard_users(users, shard.number, serving.shards)
    facts = {"users": hashlib.sha256(own.tobytes()).hexdigest()[:16], **shard.inputs}
    config = config_hash(shard.settings, serving.k, serving.spares)
    turns = count(1)

    def work(block: Keys) -> pa.Table:
        ranked = recommender.recommend(block, size, eligible=eligible)
        if next(turns) % RELEASE_EVERY == 0:
            recommender.release()
        return lists_table(ranked, serving.k, serving.spares)

    def write(draft: Draft) -> None:
        done = Progress(f"lists of shard {shard.number}", len(own), "users")
        with writing(draft.path / LISTS_FILE, schema.LISTS.schema) as writer:
            for table in in_order(work, blocks(own, serving.block_users), threads):
                writer.write_table(table)
                done.advance(table.num_rows)
        draft.rows = len(own)

    return lake.make(LISTS, key, inputs=facts, config=config, write=write)


def lists_file(artifact: Artifact) -> Path:
    """Where the lists of a shard are. Raises ArtifactError when the file is gone."""
    return artifact.file(_OLDER_FILE if _OLDER_FILE in artifact.manifest["files"] else LISTS_FILE)


def list_batches(artifact: Artifact, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The lists of a shard, or some of their columns, block by block as they were written, so
    that one is in memory at a time.
    """
    path = lists_file(artifact)
    if (
        path.name == _OLDER_FILE
    ):  # `iter_batches` reads ahead: it took a gigabyte of memory and ten times as long
        older = pq.ParquetFile(path)
        for group in range(older.num_row_groups):
            yield from (
                older.read_row_group(group, columns=columns, use_threads=False)
                .combine_chunks()
                .to_batches()
            )
        return
    names = schema.LISTS.schema.names
    options = ipc.IpcReadOptions(
        included_fields=[names.index(name) for name in columns or names], use_threads=False
    )
    with pa.OSFile(str(path)) as source:
        file = ipc.open_file(source, options=options)
        for block in range(file.num_record_batches):
            yield file.get_batch(block)
