"""What generators learn from at a pair of cutoffs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from recsys_tasks.arrays import AnyArray, Bool
from recsys_tasks.clock import Cutoffs
from recsys_tasks.config import Config
from recsys_tasks.retrieval.candidates.tempo import popular_days
from recsys_tasks.retrieval.generators import Generator
from recsys_tasks.retrieval.histories import Histories, histories_of
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.snapshot.events import Events


@dataclass(frozen=True)
class Fitting:
    """A snapshot at two cutoffs, and which items may be named: `eligible [m] bool` by item key.

    What is counted across users must come from `learned` and `learned_histories`; `events` runs to
    the history cutoff, and is for a user's own history alone.
    """

    snapshot: Snapshot
    cutoffs: Cutoffs
    eligible: Bool

    @property
    def config(self) -> Config:
        """The settings."""
        return self.snapshot.config

    @property
    def n_items(self) -> int:
        """Item keys run from 0 to n_items - 1."""
        return self.snapshot.n_items

    @cached_property
    def events(self) -> Events:
        """Events before `cutoffs.history_before`."""
        return self.snapshot.events(before=self.cutoffs.history_before)

    @cached_property
    def learned(self) -> Events:
        """Events before `cutoffs.learned_before`."""
        return self.events.before(self.cutoffs.learned)

    @cached_property
    def learned_histories(self) -> Histories:
        """Histories of `learned`, a row a user key."""
        return self.histories(self.learned, self.cutoffs.learned)

    @cached_property
    def popular_days(self) -> int:
        """Over how many days before `cutoffs.learned_before` popularity is best counted."""
        return popular_days(self.learned, self.cutoffs.learned, self.config.label_window_days)

    def histories(self, events: Events, cutoff: int) -> Histories:
        """Histories of events before a second, a row a user key, decayed as the settings say."""
        half_life = self.config.features.history_half_life_days
        return histories_of(events, self.snapshot.n_users, cutoff, half_life)

    def quota(self, generator: Generator) -> int:
        """Candidates that are asked of a generator, a user."""
        return self.config.generators.quota(generator.name)

    def settings(self, generator: Generator) -> Any:
        """The generator's block of the section `plugins`, checked by its model; None without."""
        return self.config.plugins.get(generator.name)

    def user_lists(self, rows: pd.DataFrame) -> dict[str, AnyArray]:
        """Rows `user_id, item_id, score` of ids as the table that `Block.fill_user_lists` reads.

        Unknown users and items are left out, as are items that are not eligible and scores that are
        not above 0; of a repeated pair the best score counts. Returns `users [p] int32`, ascending,
        `items [p] int32` and `scores [p] float32`, best first within a user, ties by item key.
        """
        users = pd.Index(self.snapshot.users["user_id"]).get_indexer(rows["user_id"].astype(str))
        items = pd.Index(self.snapshot.items["item_id"]).get_indexer(rows["item_id"].astype(str))
        scores = rows["score"].astype(np.float32).to_numpy()
        known = (users >= 0) & (items >= 0) & (scores > 0)
        known[known] = self.eligible[items[known]]
        table = pd.DataFrame({"users": users, "items": items, "scores": scores})[known]
        table = table.sort_values(["users", "scores", "items"], ascending=[True, False, True])
        table = table.drop_duplicates(["users", "items"])
        types = {"users": np.int32, "items": np.int32, "scores": np.float32}
        return {name: table[name].to_numpy(kind) for name, kind in types.items()}
