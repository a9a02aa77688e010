"""Stages from raw rows to a trained release: extract, freeze, tower, embeddings, index, examples, ranker."""

from __future__ import annotations

import json

from recsys_tasks.clock import Cutoffs, parse_day
from recsys_tasks.lake import Artifact
from recsys_tasks.pipeline.inputs import embeddings_at, lineage_tonight, open_inputs, serving_tower
from recsys_tasks.pipeline.night import Night
from recsys_tasks.pipeline.outcome import Outcome
from recsys_tasks.pipeline.records import record_tower


def extract(night: Night) -> Outcome:
    """Bring the raw tables up to the cutoff."""
    from recsys_tasks.snapshot.extract import extract as read_source
    from recsys_tasks.sources.base import open_source

    source = open_source(night.config, night.environment.home)
    done = read_source(night.config, night.lake, source, night.as_of, night.now)
    figures = {"new_days": len(done.new_days), "changed_days": len(done.changed_days), "future_rows": done.future_rows}
    return Outcome(done.artifact, done.rows, figures)


def freeze(night: Night) -> Outcome:
    """Validate what is new and freeze the snapshot. Raises ValidationFailed."""
    from recsys_tasks.snapshot.freeze import freeze as freeze_night

    done = freeze_night(night.config, night.lake, night.as_of, night.now)
    figures = {
        "checks": len(done.report.checks),
        "warnings": sum(not c.passed for c in done.report.checks),
        "duplicates": done.duplicates,
        "set_aside": sum(done.waiting.values()),
        "readmitted": done.readmitted,
        "erased": done.erased,
        "hidden": done.hidden,
        "users": done.snapshot.n_users,
        "items": done.snapshot.n_items,
    }
    return Outcome(done.snapshot.artifact, done.snapshot.artifact.rows, figures)


def train_two_tower(night: Night) -> Outcome:
    """Advance the warm chain to every cutoff that tonight needs; record each version's ledger."""
    from recsys_tasks.retrieval.two_tower import advance_chain, tower_at

    wanted = sorted({c.learned_before for c in needed_cutoffs(night)})
    if not _tower_due(night):
        wanted.remove(night.tonight.learned_before)
    versions = advance_chain(night.snapshot, wanted, night.as_of)
    for version in versions:
        record_tower(night.engine, version.lineage, version.learned_before, version.artifact.reference, version.ledger)
    newest = tower_at(night.lake, versions[-1].lineage, night.tonight.learned_before) or versions[-1]
    ledger = newest.ledger
    names = ("start", "kept", "new", "archived", "examples", "drift", "recall_before", "recall_after", "refresh_ok")
    figures = {"lineage": newest.lineage, **{name: ledger.get(name) for name in names}}
    return Outcome(newest.artifact, newest.artifact.rows, figures)


def _tower_due(night: Night) -> bool:
    """Whether tonight's version is wanted, or the newest one is young enough to serve."""
    from recsys_tasks.retrieval.tower_versions import current_lineage, tower_at

    lineage, tonight = current_lineage(night.lake, night.config, night.as_of), night.tonight.learned_before
    newest = tower_at(night.lake, lineage, tonight) if lineage else None
    if newest is None or newest.learned_before == tonight:
        return True
    return (tonight - newest.learned_before).days >= night.config.schedule.train_two_tower_every_days


def ranker_due(night: Night) -> bool:
    """Whether tonight trains and judges a ranker; always without a champion, and when it did so before."""
    decided = [parse_day(key) for key in night.lake.keys("decision") if parse_day(key) <= night.as_of]
    if not decided or decided[-1] == night.as_of or night.registry.champion() is None:
        return True
    return (night.as_of - decided[-1]).days >= night.config.schedule.train_ranker_every_days


NOT_DUE = "not due tonight: the champion serves"


def needed_cutoffs(night: Night) -> tuple[Cutoffs, ...]:
    """Every pair of cutoffs that tonight learns or scores at: label windows, the gate, tonight."""
    return (*night.label_windows, night.gate, night.tonight)


def embed(night: Night) -> Outcome:
    """Vectors at every cutoff that tonight needs; the last stage that loads TensorFlow."""
    from recsys_tasks.retrieval.embed import embed as embed_at

    lineages = {lineage_tonight(night), *champion_lineage(night)}
    made = None
    for lineage in sorted(lineages):
        for cutoffs in needed_cutoffs(night):
            made = embed_at(night.snapshot, serving_tower(night, lineage, cutoffs), cutoffs)
    tonight = embeddings_at(night, lineage_tonight(night), night.tonight)
    assert made is not None
    figures = {"items": len(tonight.item_keys), "cutoffs": len(needed_cutoffs(night)), "lineages": len(lineages)}
    return Outcome(tonight.artifact, len(tonight.user_keys), figures)


def champion_lineage(night: Night) -> tuple[str, ...]:
    """The champion's tower lineage, if there is a champion with one."""
    champion = night.registry.champion()
    if champion is None:
        return ()
    lineage = release_facts(night.lake.get(night.registry.source(champion)))["lineage"]
    return (str(lineage),)


def release_facts(release: Artifact) -> dict[str, object]:
    """What release.json says."""
    facts: dict[str, object] = json.loads(release.file("release.json").read_text())
    return facts


def build_index(night: Night) -> Outcome:
    """The nearest-neighbour index over tonight's item vectors, with its measured recall."""
    from recsys_tasks.retrieval.index import build_index as build

    served = served_lineage(night)
    built = build(night.snapshot, embeddings_at(night, served, night.tonight), night.as_of.isoformat())
    return Outcome(built, built.rows, {k: v for k, v in built.facts.items() if isinstance(v, str | int | float | bool)})


def served_lineage(night: Night) -> str:
    """The lineage whose vectors serve tonight: the champion's, or tonight's before the first champion."""
    return next(iter(champion_lineage(night)), None) or lineage_tonight(night)


def build_examples(night: Night) -> Outcome:
    """Candidates and features at past cutoffs, labelled by what came after them."""
    from recsys_tasks.ranking.examples import Window, label_windows
    from recsys_tasks.ranking.examples import build_examples as build

    if not ranker_due(night):
        return Outcome(None, 0, note=NOT_DUE)
    lineage = lineage_tonight(night)
    spans = zip(night.label_windows, label_windows(night.timeline), strict=True)
    windows = [Window(open_inputs(night, lineage, cutoffs), start, end) for cutoffs, (start, end) in spans]
    made = build(night.snapshot, night.timeline, windows)
    return Outcome(made, made.rows, {"windows": len(windows), **plain(made.facts)})


def train_ranker(night: Night) -> Outcome:
    """A calibrated release from tonight's examples, registered as challenger."""
    from recsys_tasks.ranking.ranker import train_ranker as train

    if not ranker_due(night):
        return Outcome(None, 0, note=NOT_DUE)
    examples = night.lake.require("examples", night.as_of.isoformat())
    release = train(night.config, night.lake, examples, lineage=lineage_tonight(night))
    tags = {"as_of": night.as_of.isoformat(), "lineage": lineage_tonight(night), "mode": str(release.facts["mode"])}
    night.registry.register(release.key, release.reference, tags=tags, at=night.now, who="train_ranker")
    return Outcome(release, release.rows, {"release": release.key, **plain(release.facts)})


def plain(facts: object) -> dict[str, str | int | float | bool | None]:
    """The plain values among an artifact's facts: what fits a row of figures."""
    assert isinstance(facts, dict)
    return {str(k): v for k, v in facts.items() if isinstance(v, str | int | float | bool)}
