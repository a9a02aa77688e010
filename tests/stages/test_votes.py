"""What generators' lists are worth is learned before the cutoffs that it is used at, and used."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pytest

from recsys_tasks.clock import parse_day
from recsys_tasks.errors import LeakageError
from recsys_tasks.lake.keys import EmbeddingsKey
from recsys_tasks.retrieval.candidates.source import CandidateSource
from recsys_tasks.retrieval.candidates.votes import (
    PastWindow,
    build_votes,
    read_votes,
    votes_at,
)
from recsys_tasks.schema import generator_names
from recsys_tasks.stages.inputs import candidate_source, open_inputs
from tests.stages.shop_nights import TwoNights


def test_tonights_votes_are_learned_from_windows_that_have_ended(nights: TwoNights) -> None:
    night = nights.second
    lineage = night.serving.lineage_in_training()
    found = votes_at(night.lake, lineage, night.tonight)
    assert found is not None
    key = EmbeddingsKey.parse(found.key)
    assert key.tower.lineage == lineage and key.history_before == night.as_of
    span = timedelta(days=night.config.label_window_days)
    starts = [parse_day(day) for day in found.facts["windows"]]
    assert starts and all(start + span <= night.tonight.learned_before for start in starts)
    assert json.loads(found.file("votes.json").read_text())["generators"] == list(generator_names())


def test_candidates_are_merged_by_what_was_learned(nights: TwoNights) -> None:
    night = nights.second
    lineage = night.serving.lineage_in_training()
    inputs = open_inputs(night.snapshot, lineage, night.tonight)
    source, declared = inputs.retriever, candidate_source(night.snapshot, lineage, night.tonight)
    assert isinstance(source, CandidateSource) and source.learned is not None
    assert declared.learned is None
    users = np.arange(50, dtype=np.int32)
    ours, theirs = source.block(users).items, declared.block(users).items
    assert (ours != theirs).any()
    named = [set(row[row >= 0].tolist()) for row in source.named(users).items]
    assert all(set(row[row >= 0].tolist()) <= every for row, every in zip(ours, named, strict=True))


def test_a_window_that_ends_after_the_cutoff_is_refused(nights: TwoNights) -> None:
    night = nights.second
    lineage = night.serving.lineage_in_training()
    late = PastWindow(
        night.snapshot,
        night.gate,
        night.as_of + timedelta(days=1),
        {},
        lambda: candidate_source(night.snapshot, lineage, night.gate),
    )
    with pytest.raises(LeakageError, match=r"windows that end by"):
        build_votes(night.snapshot, "a.2026-02-17@2026-02-17", night.tonight, [late])


def test_votes_of_other_generators_are_not_used(own_nights: TwoNights) -> None:
    night = own_nights.second
    found = votes_at(night.lake, night.serving.lineage_in_training(), night.tonight)
    assert found is not None and read_votes(found) is not None
    said = json.loads(found.file("votes.json").read_text())
    with night.lake.revising(found, {"by": "test"}) as draft:
        said["generators"] = [*said["generators"], "gone"]
        (draft.path / "votes.json").write_text(json.dumps(said))
    other = night.lake.newest("votes", found.key)
    assert other is not None and read_votes(other) is None
