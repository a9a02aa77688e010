"""What generators' lists are worth is learned before the cutoffs that it is used at, and used."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from recsys_tasks.clock import parse_day
from recsys_tasks.errors import LeakageError
from recsys_tasks.lake import Artifact
from recsys_tasks.lake.keys import EmbeddingsKey
from recsys_tasks.retrieval.candidates.source import CandidateSource
from recsys_tasks.retrieval.candidates.votes import (
    PastWindow,
    build_votes,
    read_votes,
    votes_at,
)
from recsys_tasks.schema import generator_names
from recsys_tasks.stages import Night
from recsys_tasks.stages.inputs import candidate_source, open_inputs, tables_at
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
        generators = tables_at(night.snapshot, night.tonight).generators
        build_votes(night.snapshot, "a.2026-02-17@2026-02-17", night.tonight, generators, [late])


def windows_of(night: Night, votes: Artifact) -> list[PastWindow]:
    """What the votes were learned from, with sources that may not be opened."""

    def opened() -> CandidateSource:
        raise AssertionError("learned again")

    span = timedelta(days=night.config.label_window_days)
    contents: dict[str, dict[str, str]] = {}
    for name, found in votes.manifest["inputs"].items():
        window, slash, what = name.rpartition("/")
        if slash:
            contents.setdefault(window, {})[what] = found
    cutoffs = {str(one): one for one in night.needed_cutoffs}
    return [
        PastWindow(
            night.snapshot, cutoffs[name], cutoffs[name].history_before + span, hashes, opened
        )
        for name, hashes in sorted(contents.items())
    ]


def test_a_later_night_finds_what_an_earlier_one_learned(nights: TwoNights) -> None:
    """Of its label windows fewer lie before a past cutoff; what it knows of is unchanged."""
    night = nights.second
    found = votes_at(night.lake, night.serving.lineage_in_training(), night.tonight)
    assert found is not None
    windows = windows_of(night, found)
    generators = tables_at(night.snapshot, night.tonight).generators
    for known in (windows, windows[1:]):
        again = build_votes(night.snapshot, found.key, night.tonight, generators, known)
        assert again.reference == found.reference


def test_votes_are_learned_again_where_a_window_was_corrected(nights: TwoNights) -> None:
    night = nights.second
    found = votes_at(night.lake, night.serving.lineage_in_training(), night.tonight)
    assert found is not None
    windows = windows_of(night, found)
    windows[-1] = replace(windows[-1], contents={"embeddings": "x", "generators": "y"})
    generators = tables_at(night.snapshot, night.tonight).generators
    with pytest.raises(AssertionError, match="learned again"):
        build_votes(night.snapshot, found.key, night.tonight, generators, windows)


def test_each_night_uses_the_votes_that_were_learned_beside_its_own_tables(
    own_nights: TwoNights,
) -> None:
    """Also an older night that is run again after a correction was learned from."""
    night = own_nights.first
    lineage = night.serving.lineage_in_training()
    generators = tables_at(night.snapshot, night.tonight).generators
    found = votes_at(night.lake, lineage, night.tonight, generators)
    assert found is not None and found.manifest["inputs"]["generators"] == generators.content
    with night.lake.writing(
        "votes", found.key, inputs={**found.manifest["inputs"], "generators": "corrected"}
    ) as draft:
        (draft.path / "votes.json").write_bytes(found.file("votes.json").read_bytes())
        draft.facts = dict(found.facts)
    newest = night.lake.newest("votes", found.key)
    assert newest is not None and newest.reference != found.reference
    again = votes_at(night.lake, lineage, night.tonight, generators)
    assert again is not None and again.reference == found.reference


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
