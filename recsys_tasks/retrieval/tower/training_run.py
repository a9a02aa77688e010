"""One training run, cold or warm: the rows it reads, its batches, its recall on held-out events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np

from recsys_tasks.arrays import Bool, Float32, Int32, Int64
from recsys_tasks.clock import DAY_SECONDS, start_of
from recsys_tasks.config import Attribute, Config
from recsys_tasks.ids import Keys
from recsys_tasks.progress import Progress
from recsys_tasks.retrieval.tower.examples import (
    Draws,
    FlatHistories,
    TrueNegatives,
    histories_before,
    make_examples,
    surely_absent_before,
    timestamp_numbers,
)
from recsys_tasks.retrieval.tower.inputs import (
    ValueSettings,
    Vocabulary,
    extend_vocabulary,
    value_rows,
)
from recsys_tasks.retrieval.tower.model import Tower
from recsys_tasks.retrieval.tower.supplied import Supplied, extend_centres
from recsys_tasks.retrieval.tower.weights import Arrays, Batch, projection
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.events import Events

RECALL_K = 100
RECALL_ROWS = 4000
QUERY_BLOCK, ITEM_BLOCK = 1024, 8192
AS_NEAR = 4e-6
"""Inner products closer than this share of both lengths are equal: they are summed in other orders
here and there.
"""


def value_settings(config: Config) -> ValueSettings:
    """Sizes of the value tables."""
    tower = config.two_tower
    return ValueSettings(tower.numeric_buckets, tower.text_buckets, tower.max_item_values)


def entity_values(snapshot: Snapshot, items: Vocabulary, users: Vocabulary) -> tuple[Int32, Int32]:
    """Value rows of every item key and of every user key.

    `[m, v] int32` and `[n, w] int32`, see `value_rows`.
    """
    config, settings = snapshot.config, value_settings(snapshot.config)
    return (
        value_rows(items, snapshot.items, config.items.value_attributes, settings),
        value_rows(users, snapshot.users, user_attributes(config), settings),
    )


def user_attributes(config: Config) -> Sequence[Attribute]:
    """What the user tower reads of users."""
    return config.users.attributes if config.two_tower.use_user_attributes else ()


@dataclass(frozen=True)
class TrainingRun:
    """What a training may know: rows before `learned` (seconds) and the values of what existed
    then.
    """

    config: Config
    learned: int
    events: Events
    items: Vocabulary
    users: Vocabulary
    item_values: Int32
    user_values: Int32
    supplied: Supplied
    existing: Keys
    available: Int64  # [m] second before which each item could not be chosen

    @classmethod
    def open(
        cls, snapshot: Snapshot, learned_before: date, items: Vocabulary, users: Vocabulary
    ) -> TrainingRun:
        """A run over everything before a day; `items` and `users` are the vocabularies to
        extend.
        """
        learned, events = start_of(learned_before), snapshot.events(before=learned_before)
        config, settings = snapshot.config, value_settings(snapshot.config)
        existing = snapshot.existing_items(learned)
        items, item_values = extend_vocabulary(
            items, snapshot.items, existing, config.items.value_attributes, settings
        )
        items, supplied = extend_centres(items, snapshot, existing)
        everyone = np.arange(snapshot.n_users, dtype=np.int32)
        users, user_values = extend_vocabulary(
            users, snapshot.users, everyone, user_attributes(config), settings
        )
        values, past = (item_values, user_values), events.before(learned)
        available = surely_absent_before(past, snapshot.items["available_from"].to_numpy(np.int64))
        return cls(config, learned, past, items, users, *values, supplied, existing, available)

    @property
    def rows(self) -> dict[str, int]:
        """Rows of each table and projection."""
        tables = {
            "item": len(self.item_values),
            "value": self.items.rows,
            "user_value": self.users.rows,
        }
        return tables | {
            projection(name): vectors.shape[1] for name, vectors in self.supplied.items()
        }

    @cached_property
    def examples(self) -> Int64:
        """Every example, by its row of the events.

        `[k] int64`, ascending.
        """
        return make_examples(self.events)

    @cached_property
    def timestamps(self) -> Keys:
        """`[e] int32`: see `timestamp_numbers`."""
        return timestamp_numbers(self.events)

    def last_seen(self, snapshot: Snapshot, before: Int32) -> Int32:
        """Last day (since 1970) on which each item was offered or in an event; `before` as known
        until now.

        `[m] int32`, as `before` is.
        """
        seen = before.copy()
        np.maximum.at(seen, self.events.item, (self.events.ts // DAY_SECONDS).astype(np.int32))
        offered = snapshot.items["available"].to_numpy(bool)
        seen[offered] = np.maximum(seen[offered], self.learned // DAY_SECONDS)
        return seen

    def tower(self, arrays: Arrays) -> Tower:
        """The model over these arrays, which it takes over."""
        values, seed = (self.item_values, self.user_values), self.config.resources.seed
        return Tower(self.config.two_tower, arrays, *values, seed, self.supplied)

    def fit(
        self, tower: Tower, examples: Int64, epochs: int, rate: float | None = None
    ) -> list[float]:
        """Train on the examples, with steps that fall from `rate` (a cold training's); each epoch's
        mean loss.

        `examples [k] int64`.
        """
        losses = []
        done = Progress("training of the two-tower", epochs, "passes")
        for steps in self.passes(examples, epochs, rate):
            losses.append(float(np.mean([tower.train(batch) for batch in steps])))
            done.advance(note=f"loss {losses[-1]:.4f}")
        return losses

    @cached_property
    def items_with_events(self) -> Keys:
        """Existing items with at least one event, sorted: training can give only them a vector.

        `[k] int32`.
        """
        found = np.zeros(len(self.item_values), np.bool_)
        found[self.events.item] = True
        return self.existing[found[self.existing]]

    def hits(self, tower: Tower, examples: Int64) -> Bool:
        """Which of the first 4,000 examples have their target among the user's nearest 100 of
        `items_with_events`.

        Items as near as the target count as nearer: a tower whose vectors are all equal hits
        nothing.
        `examples [k] int64`; returns `[min(k, 4000)] bool`.
        """
        chosen = examples[:RECALL_ROWS]
        if not len(chosen):
            return np.zeros(0, np.bool_)
        target, users = self.events.item[chosen], self.user_vectors(tower, chosen)
        targets = tower.item_vectors(target)
        own = np.einsum("nd,nd->n", users, targets)
        lengths = np.linalg.norm(users, axis=1) * np.linalg.norm(targets, axis=1)
        with np.errstate(invalid="ignore"):  # of a training that diverged; it hits nothing
            bar = own - AS_NEAR * lengths
        others = np.zeros(len(chosen), np.int64)
        for a in range(0, len(self.items_with_events), ITEM_BLOCK):
            items = self.items_with_events[a : a + ITEM_BLOCK]
            near = users @ tower.item_vectors(items).T >= bar[:, None]
            others += np.count_nonzero(near & (items != target[:, None]), axis=1)
        hits: Bool = (
            (others < RECALL_K) & np.isin(target, self.items_with_events) & np.isfinite(own)
        )
        return hits

    def user_vectors(self, tower: Tower, chosen: Int64) -> Float32:
        """User tower of each example, `[n, d] float32`, of `chosen [n] int64`."""
        vectors: Float32 = np.empty((len(chosen), self.config.two_tower.dimensions), np.float32)
        for a in range(0, len(chosen), QUERY_BLOCK):
            block = chosen[a : a + QUERY_BLOCK]
            vectors[a : a + QUERY_BLOCK] = tower.user_vectors(
                self._histories(block), self.events.user[block]
            )
        return vectors

    def passes(
        self, examples: Int64, epochs: int, rate: float | None = None
    ) -> Iterator[Iterator[Batch]]:
        """The batches of each pass over a draw of `examples [k] int64`, with steps that fall from
        `rate` (None: the settings' first).
        """
        settings = self.config.two_tower
        first = settings.learning_rate if rate is None else rate
        target = self.events.item[examples]
        draws = Draws(self.events.user[examples], settings.examples_per_user)
        # The logQ correction subtracts log Q from each score. An item is in a batch as often as it
        # is a target, so its smoothed count is taken as Q. TFRS clips Q to [1e-6, 1]; only ratios
        # matter inside a softmax, so the most frequent item gets 1.
        count = np.bincount(target, draws.probability, len(self.item_values))
        smoothed = count.astype(np.float32) + 1.0
        sampling_probability = smoothed / smoothed.max()
        negatives = TrueNegatives(
            self.events, len(self.user_values), len(self.item_values), self.available
        )
        rng = np.random.default_rng([self.config.resources.seed, self.learned])
        size = min(settings.batch_size, draws.size)
        starts = range(0, draws.size - size + 1, size)
        rates = np.linspace(
            first, min(settings.final_rate, first), epochs * len(starts), dtype=np.float32
        )
        for sizes in rates.reshape(epochs, -1):
            order = draws.draw(rng)
            yield (
                self._batch(examples[order[a : a + size]], sampling_probability, negatives, step)
                for a, step in zip(starts, sizes, strict=True)
            )

    def _batch(
        self,
        chosen: Int64,
        sampling_probability: Float32,
        negatives: TrueNegatives,
        rate: np.float32,
    ) -> Batch:
        user, target = self.events.user[chosen], self.events.item[chosen]
        allowed = negatives.allowed(user, target, self.events.ts[chosen])
        weight = self.events.weight[chosen]
        return Batch(
            self._histories(chosen),
            user,
            target,
            weight,
            sampling_probability[target],
            allowed,
            rate,
        )

    def _histories(self, chosen: Int64) -> FlatHistories:
        length = self.config.two_tower.history_length
        return histories_before(self.events, chosen).gather(
            self.events.item, self.timestamps, length
        )
