"""Stages open what earlier ones made, and say which one did not run."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from recsys_tasks.clock import Cutoffs, start_of
from recsys_tasks.errors import ArtifactError
from recsys_tasks.features.build import build_features
from recsys_tasks.retrieval.candidates.tables import build_generators
from recsys_tasks.stages.inputs import tables_at
from tests.worlds import make_config, make_snapshot

AS_OF = date(2026, 3, 10)
ROWS = [("u1", "a", 2), ("u1", "b", 3), ("u2", "a", 4)]
EVENTS = pd.DataFrame(
    [(user, item, start_of(date(2026, 3, day))) for user, item, day in ROWS],
    columns=["user_id", "item_id", "ts"],
).assign(event="purchase")


def test_tables_are_opened_never_made(tmp_path: Path) -> None:
    snapshot, cutoffs = make_snapshot(tmp_path, make_config(), AS_OF, EVENTS), Cutoffs.at(AS_OF)
    with pytest.raises(ArtifactError, match="run build_features for this night first"):
        tables_at(snapshot, cutoffs)
    features = build_features(snapshot, cutoffs)
    with pytest.raises(ArtifactError, match="expected: generators at"):
        tables_at(snapshot, cutoffs)
    generators = build_generators(snapshot, cutoffs)
    found = tables_at(snapshot, cutoffs)
    assert (found.features, found.generators) == (features, generators)
