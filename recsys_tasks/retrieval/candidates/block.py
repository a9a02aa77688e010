"""One block of users, as generators see it: their histories, and what the repeat policy forbids."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
import scipy.sparse as sp

from recsys_tasks.arrays import Bool, Float32, Int32, Int64, UInt64
from recsys_tasks.clock import DAY_SECONDS
from recsys_tasks.config import AfterDays
from recsys_tasks.ids import Keys
from recsys_tasks.retrieval.candidates.kernels import Named, Restrictions, Taste, allowed
from recsys_tasks.retrieval.histories import STEP_DECAY
from recsys_tasks.retrieval.select import NOTHING, keys_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recsys_tasks.arrays import AnyArray
    from recsys_tasks.retrieval.candidates.source import CandidateSource

DEEPEST = 16
STEP_WEIGHTS: Float32 = (STEP_DECAY ** np.arange(200)).astype(np.float32)
"""Weight of an item by how many later timestamps of the user came after it."""


class UserVectors(Protocol):
    """What generators need of the tower's embeddings."""

    @property
    def user_keys(self) -> Keys:
        """`[n] int32`, sorted: users with a vector."""

    @property
    def user_vectors(self) -> Float32:
        """`[n, d] float32`."""


class Searcher(Protocol):
    """Nearest-neighbour search over the item vectors."""

    def search(self, vectors: Float32, k: int) -> tuple[Keys, Float32]:
        """Item keys `[n, k] int32` and scores `[n, k] float32`, best first."""


class Block:
    """Some users, `users [n] int32`, and their data; arrays with `n` rows are in their order."""

    def __init__(self, source: CandidateSource, users: Keys) -> None:
        tables = source.tables
        self.config, self.cutoffs, self.users = source.config, source.cutoffs, users
        self.embeddings, self.searcher = source.embeddings, source.searcher
        self.eligible, self.n_items = tables.eligible, tables.n_items
        self.content: sp.csr_matrix = tables.content.items
        self.history = source.histories(users)
        self.bans_and_rules = source.bans_and_rules
        self._everyone = source.everyone
        self.newest = source.config.features.history_items
        """How many of a user's newest items stand for the user's taste."""

    @cached_property
    def forbidden(self) -> Bool:
        """`[p] bool`: history entries whose item the repeat policy forbids in tonight's list."""
        policy = self.config.repeat_consumption
        if isinstance(policy, AfterDays):
            since = self.cutoffs.history - policy.after_days * DAY_SECONDS
            return np.asarray(self.history.last >= since)
        return np.full(len(self.history.items), policy == "forbid")

    @property
    def taste(self) -> Taste:
        """The users' newest items with their weights, as kernels take them."""
        history = self.history
        return Taste(
            history.offsets, history.items, self.forbidden, history.steps, STEP_WEIGHTS, self.newest
        )

    @cached_property
    def longest(self) -> int:
        """Entries of the longest history."""
        return int(np.diff(self.history.offsets).max(initial=0))

    @cached_property
    def marked(self) -> Keys:
        """`[n_items]`: the last row that each item was forbidden for, -1 for none; working memory
        of kernels.
        """
        return np.full(self.n_items, -1, np.int32)

    def cells(self, width: int) -> UInt64:
        """`[n, width]`: memory for one row of cells a user (see `retrieval.select`)."""
        return np.empty((len(self.users), width), np.uint64)

    def fill_allowed(
        self,
        lists: tuple[Keys, Float32],
        which: Int64,
        items: Int32,
        scores: Float32,
        rows: Int64 | None = None,
    ) -> None:
        """Fill users' rows from shared lists, leaving out what is not eligible or forbidden.

        `lists`: items `[l, w]`, best first, -1 pads, and their scores. Row `rows[j]` of the block
        (None: row j) gets the first items of list `which[j]` that are allowed, as many as fit.
        """
        rows = np.arange(len(self.users)) if rows is None else rows
        allowed(Named(*lists, which), rows, self._restrictions, items, scores)

    def fill_user_lists(self, table: Mapping[str, AnyArray], items: Int32, scores: Float32) -> None:
        """Fill users' rows from a table of rows of users, leaving out as `fill_allowed` does.

        `table`: `users` ascending, `items` and `scores`, each `[p]`, best first within a user; see
        `Fitting.user_lists`.
        """
        starts = np.searchsorted(table["users"], self.users, side="left")
        sizes = np.searchsorted(table["users"], self.users, side="right") - starts
        column = np.arange(int(sizes.max(initial=0)))
        there = column < sizes[:, None]
        rows = (starts[:, None] + column)[there]
        named: Keys = np.full(there.shape, -1, np.int32)
        named_scores: Float32 = np.zeros(there.shape, np.float32)
        named[there], named_scores[there] = table["items"][rows], table["scores"][rows]
        self.fill_allowed((named, named_scores), np.arange(len(self.users)), items, scores)

    def bar(self, cells: UInt64) -> None:
        """Take what is kept from each user out of the cells `[n, w]` (see `retrieval.select`)."""
        if self.bans_and_rules is not None and len(rows := self._concerned):
            some = cells[rows]
            some[self.bans_and_rules.of(self.users[rows], keys_of(some))] = NOTHING
            cells[rows] = some

    def leave_out_forbidden(self, items: Int32, scores: Float32) -> None:
        """Take what is kept from each user out of lists `[n, q]`; what is behind it moves up."""
        if self.bans_and_rules is None or not len(rows := self._concerned):
            return
        kept_from = self.bans_and_rules.of(self.users[rows], items[rows])
        order = np.argsort(kept_from | (items[rows] < 0), axis=1, kind="stable")
        for values, pad in ((items, -1), (scores, 0)):
            values[rows] = np.take_along_axis(np.where(kept_from, pad, values[rows]), order, axis=1)

    def fill_up(self, items: Int32, scores: Float32) -> None:
        """Fill the rows `[n, q]` of users from whom something is kept with what they may see of all
        items, most popular first: a shared list that is cut for them would leave them fewer places.
        """
        rows = self._concerned[items[self._concerned, -1] < 0]
        if len(rows):
            marked: Keys = np.full(self.n_items, -1, np.int32)
            lists = Named(*self._everyone(), np.zeros(len(rows), np.int64))
            allowed(lists, rows, self._restrictions._replace(marked=marked), items, scores)

    @cached_property
    def _concerned(self) -> Int64:
        """Rows of users from whom anything is kept, `[r]`."""
        if self.bans_and_rules is None:
            return np.empty(0, np.int64)
        return np.flatnonzero(self.bans_and_rules.concerns(self.users))

    @cached_property
    def _restrictions(self) -> Restrictions:
        history, forbidden = self.history, self.forbidden
        offsets, own = history.offsets, history.items
        if len(self._concerned) and self.bans_and_rules is not None:
            sizes, banned = self.bans_and_rules.banned(self.users)
            behind = np.repeat(offsets[1:], sizes)
            own, forbidden = np.insert(own, behind, banned), np.insert(forbidden, behind, True)
            offsets = offsets + np.concatenate([[0], np.cumsum(sizes)])
        of_row, eligible = self._classes
        return Restrictions(offsets, own, forbidden, eligible, of_row, self.marked)

    @cached_property
    def _classes(self) -> tuple[Int64, Bool]:
        """(class of each user, what users of a class may see, `[classes, n_items]`), where
        `eligibility.rules` tell users apart; else all are of one class.
        """
        rules = None if self.bans_and_rules is None else self.bans_and_rules.rules
        if rules is None:
            return np.zeros(len(self.users), np.int64), np.ascontiguousarray(self.eligible)[None]
        which, may = rules.classes(self.users)
        return which, may & self.eligible

    def depths(self, rows: Int64, places: int) -> Int64:
        """`[r]`: how many neighbours to look for, so that some `places` of them are of what the
        users of these rows may see: twice as many, or four times, up to DEEPEST times.
        """
        of_row, eligible = self._classes
        share = eligible.sum(axis=1) / max(int(np.asarray(self.eligible).sum()), 1)
        often = np.ceil(np.log2(1.0 / np.clip(share, 1.0 / DEEPEST, 1.0)))
        return (places * 2 ** often.astype(np.int64))[of_row[rows]]
