"""From users to their lists: candidates, the light cut, the heavy order, the rules. The judge and
the shards use it.

Scores are P(objective within W days | candidate), the objectives' weighted mean. On the retrieval
rung there is no ranker to ask: the fused order is kept and the score is 1 / (1 + fused rank), a
decreasing number, no probability, and so is that of a ranker with too little to be calibrated by
(`claims_chances`): readers are shown none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property, partial
from typing import Literal, Self

import numpy as np

from recsys_tasks.arrays import Bool, Float32, Float64, Int8, Int16, Int32
from recsys_tasks.config import AfterDays, Config
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import in_order, keep_freed_memory
from recsys_tasks.ranking.columns import Block, FeatureMatrix, feature_matrix
from recsys_tasks.ranking.inputs import RankingInputs
from recsys_tasks.ranking.lists.order import best, scatter
from recsys_tasks.ranking.lists.reasons import Shown, explained
from recsys_tasks.ranking.lists.rerank import rerank
from recsys_tasks.ranking.lists.rules import Asked, RulesInForce, Shop, rules_in_force
from recsys_tasks.ranking.lists.rules.promotions import promoted_keys
from recsys_tasks.ranking.models.ranker import Ranker
from recsys_tasks.schema import RUNGS
from recsys_tasks.snapshot.dataset import Snapshot

Rung = Literal["heavy", "light", "retrieval"]


@dataclass(frozen=True)
class RankedLists:
    """One list a user, best first, pads at the end."""

    users: Keys
    """`[n] int32`."""
    items: Int32
    """`[n, k]` item keys, -1 pads."""
    scores: Float32
    """`[n, k]` in [0, 1], 0 on pads and for promoted items that the ranker was not asked about."""
    sources: Int16
    """`[n, k]` mask of the generators' bits (schema.generator_bits)."""
    reasons: Int8
    """`[n, k]` index into schema.REASONS, 0 on pads."""
    reason_items: Int32
    """`[n, k]` anchor item key or -1."""
    ranks_before: Int16
    """`[n, k]` 1-based rank before the rules, 0 where there was none."""
    propensities: Float32
    """`[n, k]` chance of the draw that put the item there, 1 without a draw, 0 on pads."""
    rung: Int8
    """`[n]` index into schema.RUNGS."""


@dataclass(frozen=True)
class Recommender:
    """Everything that turns users into lists at one pair of cutoffs."""

    snapshot: Snapshot
    inputs: RankingInputs
    ranker: Ranker | None
    rung: Rung

    @classmethod
    def of(
        cls, snapshot: Snapshot, inputs: RankingInputs, ranker: Ranker | None, best: Rung = "heavy"
    ) -> Self:
        """A release (None: retrieval order) on inputs; `best` forces a lower rung than the release
        offers.
        """
        keep_freed_memory()
        offered = {
            "heavy": ranker is not None and ranker.has_heavy,
            "light": ranker is not None and ranker.has_light,
        }
        rungs: tuple[Rung, ...] = ("heavy", "light", "retrieval")
        rung = next(r for r in rungs[rungs.index(best) :] if offered.get(r, True))
        return cls(snapshot, inputs, ranker, rung)

    def recommend(self, users: Keys, k: int, *, eligible: Bool | None = None) -> RankedLists:
        """Lists of up to k items, `eligible [n_items]` having the last word (None: every item may
        be shown).

        The first `serving.k` places obey the category cap and hold the fresh places; the rest are
        spares.
        """
        size = self._config.serving.block_users
        parts = [users[at : at + size] for at in range(0, max(len(users), 1), size)]
        threads = self._config.resources.threads if len(parts) > 1 else 1
        blocks = list(in_order(lambda part: self._block(part, k, eligible), parts, threads))
        if len(blocks) == 1:
            return blocks[0]
        return RankedLists(
            *(np.concatenate([getattr(b, f.name) for b in blocks]) for f in fields(RankedLists))
        )

    def release(self) -> None:
        """Give back the memory of the users looked up so far."""
        self.inputs.release()

    @property
    def claims_chances(self) -> bool:
        """Whether scores are probabilities, but for promoted items that the ranker was not asked
        about.
        """
        return (
            self.rung != "retrieval"
            and self.ranker is not None
            and self.ranker.is_calibrated(self.rung)
        )

    @property
    def promoted(self) -> tuple[int, ...]:
        """Items that are shown first whether or not they are a user's candidates."""
        return promoted_keys(self._shop)

    @property
    def _config(self) -> Config:
        return self.snapshot.config

    # --- one block --------------------------------------------------------------------------------

    def _block(self, users: Keys, k: int, eligible: Bool | None) -> RankedLists:
        block = Block(self.inputs, self.inputs.retriever.block(users))
        candidates = block.candidates
        open_items = self._open_items if eligible is None else eligible
        asked = Asked(users, candidates, partial(self._may_show, users, eligible=open_items))
        allowed = asked.may_show(candidates.items)
        shown = rerank(asked, self.scores(block), allowed, k, self._rules)
        why = explained(
            Shown(shown.items, shown.column, shown.promoted),
            candidates.ranks,
            block.history,
            self.inputs,
        )
        return RankedLists(
            users=users,
            items=shown.items,
            scores=shown.scores.astype(np.float32),
            sources=why.sources,
            reasons=why.reasons,
            reason_items=why.anchors,
            ranks_before=shown.ranks_before,
            propensities=shown.propensities,
            rung=np.full(len(users), RUNGS.index(self.rung), np.int8),
        )

    def scores(self, block: Block) -> Float64:
        """`[n, c]`: the rung's scores of a block's candidates, -inf on pads and on what the light
        ranker cut.
        """
        out: Float64 = np.full(block.there.shape, -np.inf)
        if self.ranker is None or self.rung == "retrieval":
            fused: Float64 = 1.0 / np.arange(1.0, 1.0 + block.there.shape[1])
            return np.where(block.there, fused, out)
        if self.rung == "light":
            matrix = self._matrix(block, self.ranker.light_names)
            scores = self.ranker.light_scores(matrix.X)
        else:
            matrix = self._survivors(block, self.ranker)
            scores = self.ranker.heavy_scores(matrix.X)
        scatter(matrix.user_row, matrix.column, scores, out)
        return out

    def _survivors(self, block: Block, ranker: Ranker) -> FeatureMatrix:
        """Rows of what the light ranker passes on; of everything where the release has none."""
        if not ranker.has_light:
            return self._matrix(block, ranker.heavy_names)
        light = self._matrix(block, ranker.light_names)
        scores: Float64 = np.full(block.there.shape, -np.inf)
        scatter(light.user_row, light.column, ranker.cut_scores(light.X), scores)
        keep = best(scores, block.candidates.items, self._config.ranker.light_survivors)
        return self._matrix(block, ranker.heavy_names, keep, light)

    def _matrix(
        self,
        block: Block,
        names: Sequence[str],
        keep: Bool | None = None,
        known: FeatureMatrix | None = None,
    ) -> FeatureMatrix:
        packages = None if self.ranker is None else self.ranker.column_packages
        return feature_matrix(block, names, keep, known, packages)

    # --- rules ------------------------------------------------------------------------------------

    @cached_property
    def _open_items(self) -> Bool:
        return np.ones(self.snapshot.n_items, bool)

    @cached_property
    def _rules(self) -> RulesInForce:
        return rules_in_force(self._shop)

    @property
    def _shop(self) -> Shop:
        return Shop(self.snapshot, self.inputs)

    def _may_show(self, users: Keys, items: Int32, *, eligible: Bool) -> Bool:
        """`[n, c]`: which of these items are open and each user may see (again)."""
        open_items = np.asarray(eligible[items])
        if self._config.repeat_consumption == "allow":
            return open_items
        return np.asarray(open_items & self._unrepeated(users, items))

    def _unrepeated(self, users: Keys, items: Int32) -> Bool:
        """`[n, c]`: what the repeat policy lets each user see (again)."""
        policy, tables = self._config.repeat_consumption, self.inputs.tables
        pairs = tables.pair.gather(np.repeat(users, items.shape[1]), items.ravel())
        days = pairs[:, tables.pair_names.index("since_last")].reshape(items.shape)
        return np.asarray(
            np.isnan(days) | (days >= policy.after_days if isinstance(policy, AfterDays) else False)
        )
