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
from functools import cached_property
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from recsys_tasks.clock import Cutoffs
from recsys_tasks.config import AfterDays, Config
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import in_order, keep_freed_memory
from recsys_tasks.lake import Artifact
from recsys_tasks.ranking.columns import Block, FeatureMatrix, feature_matrix
from recsys_tasks.ranking.inputs import Embeddings, RankingInputs, Searcher, open_inputs
from recsys_tasks.ranking.lists.diversity import Likeness
from recsys_tasks.ranking.lists.order import best, scatter
from recsys_tasks.ranking.lists.reasons import explained
from recsys_tasks.ranking.lists.rerank import Rules, rerank
from recsys_tasks.ranking.models.ranker import Ranker
from recsys_tasks.schema import REASONS, RUNGS, reason_codes
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.eligibility.eligible import eligible_items

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Rung = Literal["heavy", "light", "retrieval"]


@dataclass(frozen=True)
class RankedLists:
    """One list a user, best first, pads at the end."""

    users: Keys
    """`[n] int32`."""
    items: npt.NDArray[np.int32]
    """`[n, k]` item keys, -1 pads."""
    scores: npt.NDArray[np.float32]
    """`[n, k]` in [0, 1], 0 on pads and for promoted items that the ranker was not asked about."""
    sources: npt.NDArray[np.int16]
    """`[n, k]` mask of the generators' bits (schema.generator_bits)."""
    reasons: npt.NDArray[np.int8]
    """`[n, k]` index into schema.REASONS, 0 on pads."""
    reason_items: npt.NDArray[np.int32]
    """`[n, k]` anchor item key or -1."""
    ranks_before: npt.NDArray[np.int16]
    """`[n, k]` 1-based rank before the rules, 0 where there was none."""
    propensities: npt.NDArray[np.float32]
    """`[n, k]` chance of the draw that put the item there, 1 without a draw, 0 on pads."""
    rung: npt.NDArray[np.int8]
    """`[n]` index into schema.RUNGS."""


@dataclass(frozen=True)
class Recommender:
    """Everything that turns users into lists at one pair of cutoffs."""

    snapshot: Snapshot
    inputs: RankingInputs
    ranker: Ranker | None
    rung: Rung

    @classmethod
    def open(
        cls,
        snapshot: Snapshot,
        cutoffs: Cutoffs,
        *,
        generators: Artifact,
        features: Artifact,
        embeddings: Embeddings,
        searcher: Searcher,
        release: Artifact | None,
        best: Rung = "heavy",
    ) -> Self:
        """Open a release (None: retrieval order) on inputs; `best` forces a lower rung than the
        release offers.

        Raises LeakageError when the inputs are of other cutoffs, ArtifactError when a file is
        missing.
        """
        inputs = open_inputs(snapshot, cutoffs, generators, features, embeddings, searcher)
        ranker = (
            Ranker.open(release, snapshot.config.resources.threads) if release is not None else None
        )
        return cls.of(snapshot, inputs, ranker, best)

    @classmethod
    def of(
        cls, snapshot: Snapshot, inputs: RankingInputs, ranker: Ranker | None, best: Rung = "heavy"
    ) -> Self:
        """The same from opened parts."""
        keep_freed_memory()
        offered = {
            "heavy": ranker is not None and ranker.has_heavy,
            "light": ranker is not None and ranker.has_light,
        }
        rungs: tuple[Rung, ...] = ("heavy", "light", "retrieval")
        rung = next(r for r in rungs[rungs.index(best) :] if offered.get(r, True))
        return cls(snapshot, inputs, ranker, rung)

    def recommend(self, users: Keys, k: int, *, eligible: Bools | None = None) -> RankedLists:
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
        return self._rules.promoted

    @property
    def _config(self) -> Config:
        return self.snapshot.config

    # --- one block --------------------------------------------------------------------------------

    def _block(self, users: Keys, k: int, eligible: Bools | None) -> RankedLists:
        block = Block(self.inputs, self.inputs.retriever.block(users))
        candidates = block.candidates
        open_items = self._open_items if eligible is None else eligible
        shown = rerank(
            users,
            candidates.items,
            self.scores(block),
            self._allowed(users, candidates.items, open_items),
            self._fresh(block),
            k,
            self._rules,
            self._may_promote(users, open_items),
        )

        source, reason, anchor = explained(
            shown.items, shown.column, shown.promoted, candidates.ranks, block.history, self.inputs
        )
        return RankedLists(
            users=users,
            items=shown.items,
            scores=shown.scores.astype(np.float32),
            sources=source,
            reasons=reason,
            reason_items=anchor,
            ranks_before=shown.ranks_before,
            propensities=shown.propensities,
            rung=np.full(len(users), RUNGS.index(self.rung), np.int8),
        )

    def scores(self, block: Block) -> Floats:
        """`[n, c]`: the rung's scores of a block's candidates, -inf on pads and on what the light
        ranker cut.
        """
        out: Floats = np.full(block.there.shape, -np.inf)
        if self.ranker is None or self.rung == "retrieval":
            fused: Floats = 1.0 / np.arange(1.0, 1.0 + block.there.shape[1])
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
        scores: Floats = np.full(block.there.shape, -np.inf)
        scatter(light.user_row, light.column, ranker.cut_scores(light.X), scores)
        keep = best(scores, block.candidates.items, self._config.ranker.light_survivors)
        return self._matrix(block, ranker.heavy_names, keep, light)

    def _matrix(
        self,
        block: Block,
        names: Sequence[str],
        keep: Bools | None = None,
        known: FeatureMatrix | None = None,
    ) -> FeatureMatrix:
        packages = None if self.ranker is None else self.ranker.column_packages
        return feature_matrix(block, names, keep, known, packages)

    # --- rules ------------------------------------------------------------------------------------

    @cached_property
    def _open_items(self) -> Bools:
        return np.ones(self.snapshot.n_items, bool)

    @cached_property
    def _rules(self) -> Rules:
        config, category = self._config, self._config.items.category
        keys = pd.Index(self.snapshot.items["item_id"]).get_indexer(
            list(config.rerank.promoted_items)
        )
        eligible = eligible_items(self.snapshot, self.inputs.cutoffs.history_before)
        return Rules(
            first=config.serving.k,
            max_per_category=config.rerank.max_per_category,
            categories=(
                pd.factorize(self.snapshot.items[category], sort=True)[0] if category else None
            ),
            diversity=config.rerank.diversity,
            likeness=self._likeness() if config.rerank.diversity else None,
            fresh_slots=config.rerank.fresh_slots,
            salt=(self.inputs.cutoffs.history_before.toordinal(), config.resources.seed),
            promoted=tuple(int(key) for key in dict.fromkeys(keys) if key >= 0 and eligible[key]),
        )

    def _likeness(self) -> Likeness | None:
        inputs = self.inputs
        if self._config.rerank.diversity_by == "content":
            return Likeness.of_content(inputs.content) if inputs.content is not None else None
        return Likeness.of_vectors(inputs.item_row, inputs.embeddings.item_vectors)

    def _fresh(self, block: Block) -> Bools:
        """`[n, c]`: candidates for the fresh places; not looked up where there are no such
        places.
        """
        if not self._rules.fresh_slots:
            return np.broadcast_to(False, block.there.shape)
        new = np.flatnonzero(np.array(reason_codes()) == REASONS.index("new"))
        return np.asarray((block.candidates.ranks[:, :, new] >= 0).any(axis=2))

    def _may_promote(self, users: Keys, eligible: Bools) -> Bools | None:
        if not self._rules.promoted:
            return None
        items = np.broadcast_to(
            np.array(self._rules.promoted, np.int32), (len(users), len(self._rules.promoted))
        )
        return self._allowed(users, items, eligible)

    def _allowed(self, users: Keys, items: npt.NDArray[np.int32], eligible: Bools) -> Bools:
        """`[n, c]`: what is open and each user may see (again)."""
        open_items = np.asarray(eligible[items])
        if self._config.repeat_consumption == "allow":
            return open_items
        return np.asarray(open_items & self._unrepeated(users, items))

    def _unrepeated(self, users: Keys, items: npt.NDArray[np.int32]) -> Bools:
        """`[n, c]`: what the repeat policy lets each user see (again)."""
        policy, tables = self._config.repeat_consumption, self.inputs.tables
        pairs = tables.pair.gather(np.repeat(users, items.shape[1]), items.ravel())
        days = pairs[:, tables.pair_names.index("since_last")].reshape(items.shape)
        return np.asarray(
            np.isnan(days) | (days >= policy.after_days if isinstance(policy, AfterDays) else False)
        )
