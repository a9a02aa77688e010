"""From users to their lists: candidates, the light ranker's cut, the heavy ranker's order, the
re-rank rules. The stages `judge` and `precompute_shard` use it.

Scores are P(objective within W days | candidate), the objectives' weighted mean. On the rung
`retrieval` there is no ranker: the order of fusion is kept and the score is 1 / (1 + fused rank),
which is no probability. Nor is the score of a ranker whose data were too few to calibrate it.
Readers are shown scores only where these are probabilities (`scores_are_probabilities`).
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
from recsys_tasks.snapshot.eligibility.bans_and_rules import BansAndRules, bans_and_rules_at

Rung = Literal["heavy", "light", "retrieval"]


@dataclass(frozen=True)
class RankedLists:
    """One list a user, best first, pads at the end."""

    users: Keys
    """`[n] int32`."""
    items: Int32
    """`[n, k]` item keys, -1 pads."""
    scores: Float32
    """`[n, k]` in [0, 1], 0 on pads and for promoted items that the ranker did not score."""
    sources: Int16
    """`[n, k]` mask of the generators' bits (schema.generator_bits)."""
    reasons: Int8
    """`[n, k]` index into schema.REASONS, 0 on pads."""
    reason_items: Int32
    """`[n, k]` anchor item key or -1."""
    ranks_before: Int16
    """`[n, k]` 1-based rank before the re-rank rules, 0 where there was none."""
    propensities: Float32
    """`[n, k]` probability with which a random draw put the item there, 1 without a draw, 0 on
    pads.
    """
    rung: Int8
    """`[n]` index into schema.RUNGS."""


@dataclass(frozen=True)
class Recommender:
    """Everything that turns users into lists at one pair of cutoffs."""

    snapshot: Snapshot
    inputs: RankingInputs
    ranker: Ranker | None
    rung: Rung
    bans_and_rules: BansAndRules | None = None

    @classmethod
    def of(
        cls, snapshot: Snapshot, inputs: RankingInputs, ranker: Ranker | None, best: Rung = "heavy"
    ) -> Self:
        """The recommender of a release (`ranker` None: order of retrieval); `best` is the highest
        rung to use, where the release has a higher one.
        """
        keep_freed_memory()
        offered = {
            "heavy": ranker is not None and ranker.has_heavy,
            "light": ranker is not None and ranker.has_light,
        }
        rungs: tuple[Rung, ...] = ("heavy", "light", "retrieval")
        rung = next(r for r in rungs[rungs.index(best) :] if offered.get(r, True))
        bans_and_rules = bans_and_rules_at(snapshot, inputs.cutoffs.history_before)
        return cls(snapshot, inputs, ranker, rung, bans_and_rules)

    def recommend(self, users: Keys, k: int, *, eligible: Bool | None = None) -> RankedLists:
        """Lists of up to k items, all of them in `eligible [n_items] bool` (None: every item is).

        The category cap and the places for fresh items apply to the first `serving.k` places; the
        items after these are spares.
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
        """Free the memory that the rows of earlier users take."""
        self.inputs.release()

    @property
    def scores_are_probabilities(self) -> bool:
        """Whether scores are probabilities, except those of promoted items that the ranker did not
        score.
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
        shown_to_anyone = self._every_item if eligible is None else eligible
        asked = Asked(users, candidates, partial(self.may_show, users, eligible=shown_to_anyone))
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
        """`[n, c]`: scores of a block's candidates by the rung's ranker, -inf on pads and on what
        the light ranker cut.
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
        """Columns of the candidates that the light ranker keeps; of all where there is no light
        ranker.
        """
        if not ranker.has_light:
            return self._matrix(block, ranker.heavy_names)
        scores, light = self.cut_scores(block, ranker)
        keep = best(scores, block.candidates.items, self._config.ranker.light_survivors)
        return self._matrix(block, ranker.heavy_names, keep, light)

    def cut_scores(self, block: Block, ranker: Ranker) -> tuple[Float64, FeatureMatrix]:
        """`[n, c]`: scores by which the light ranker keeps candidates for the heavy one, -inf on
        pads; and the columns that it read.
        """
        light = self._matrix(block, ranker.light_names)
        scores: Float64 = np.full(block.there.shape, -np.inf)
        scatter(light.user_row, light.column, ranker.cut_scores(light.X), scores)
        return scores, light

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
    def _every_item(self) -> Bool:
        return np.ones(self.snapshot.n_items, bool)

    @cached_property
    def _rules(self) -> RulesInForce:
        return rules_in_force(self._shop)

    @property
    def _shop(self) -> Shop:
        return Shop(self.snapshot, self.inputs)

    def may_show(self, users: Keys, items: Int32, *, eligible: Bool) -> Bool:
        """`[n, c]`: which of these items are eligible, also to the user, and neither forbidden to
        the user nor banned by a negative event.
        """
        allowed = np.asarray(eligible[items])
        if self.bans_and_rules is not None:
            allowed &= ~self.bans_and_rules.of(users, items)
        if self._config.repeat_consumption == "allow":
            return allowed
        return np.asarray(allowed & ~self._forbidden(users, items))

    def _forbidden(self, users: Keys, items: Int32) -> Bool:
        """`[n, c]`: which of these items the repeat policy forbids the user, who has had them."""
        policy, tables = self._config.repeat_consumption, self.inputs.tables
        pairs = tables.pair.gather(np.repeat(users, items.shape[1]), items.ravel())
        days = pairs[:, tables.pair_names.index("since_last")].reshape(items.shape)
        had = ~np.isnan(days)
        return np.asarray(
            had & (days < policy.after_days) if isinstance(policy, AfterDays) else had
        )
