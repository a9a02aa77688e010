"""Stages from raw rows to a trained release: extract, freeze, tower, embeddings, index, examples,
ranker.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from recsys_tasks.clock import Cutoffs, parse_day
from recsys_tasks.errors import ArtifactError, DamagedArtifact
from recsys_tasks.lake import Artifact
from recsys_tasks.stages.inputs import embeddings_at, lineage_tonight, open_inputs, serving_tower
from recsys_tasks.stages.night import Night
from recsys_tasks.stages.outcome import Outcome
from recsys_tasks.stages.records import record_tower, recorded_towers

if TYPE_CHECKING:
    from recsys_tasks.retrieval.tower.versions import TowerVersion
    from recsys_tasks.snapshot.freeze import FreezeResult


def extract(night: Night) -> Outcome:
    """Bring the raw tables up to the cutoff."""
    from recsys_tasks.snapshot.extract import extract as read_source
    from recsys_tasks.sources.base import open_source

    source = open_source(night.config, night.environment.home)
    done = read_source(night.config, night.lake, source, night.as_of, night.now)
    figures = {
        "new_days": len(done.new_days),
        "changed_days": len(done.changed_days),
        "future_rows": done.future_rows,
    }
    why = {f"{reason}_times": rows for reason, rows in done.undated_why.items()}
    figures |= {name: rows for name, rows in {"later_rows": done.later_rows, **why}.items() if rows}
    return Outcome(done.artifact, done.rows, figures)


def freeze(night: Night) -> Outcome:
    """Validate what is new and freeze the snapshot. Raises ValidationFailed."""
    from recsys_tasks.snapshot.freeze import freeze as freeze_night

    done = freeze_night(night.config, night.lake, night.as_of, night.now)
    tell_of_late_rows(night, done)
    figures = {
        "checks": len(done.report.checks),
        "warnings": sum(not c.passed for c in done.report.checks),
        "duplicates": done.duplicates,
        "set_aside": sum(done.waiting.values()),
        "readmitted": done.readmitted,
        "erased": done.erased,
        "hidden": done.hidden,
        "late_rows": done.late_rows,
        "users": done.snapshot.n_users,
        "items": done.snapshot.n_items,
    }
    return Outcome(done.snapshot.artifact, done.snapshot.artifact.rows, figures)


def tell_of_late_rows(night: Night, done: FreezeResult) -> None:
    """On-call hears of rows that no night reads, be they few enough for the night to go on."""
    if not done.late_rows or night.as_of.isoformat() in night.config.validation.accepted_losses:
        return
    from recsys_tasks.monitoring.alarms import Alarm
    from recsys_tasks.stages.alarming import raise_alarm

    words = next(check.observed for check in done.report.checks if check.name == "rows_late")
    remedy = f"set extract.lookback_days to that many days; then recsys run --as-of {night.as_of}"
    raise_alarm(night, Alarm("late_rows", "late rows", 0, done.late_rows, words), remedy)


def train_two_tower(night: Night) -> Outcome:
    """Advance the warm chain to every cutoff that tonight needs, and the champion's, where that is
    another one.
    """
    from recsys_tasks.retrieval.tower.train import advance_chain, keep_up, tower_at

    wanted, tonight = (
        sorted({c.learned_before for c in needed_cutoffs(night)}),
        night.tonight.learned_before,
    )
    due = _tower_due(night)
    if not due:
        wanted.remove(tonight)
    versions = advance_chain(night.snapshot, wanted, night.as_of)
    newest = tower_at(night.lake, versions[-1].lineage, tonight) or versions[-1]
    # After a change of settings the champion serves until a challenger of the new ones beats it: on
    # fresh vectors.
    champions = [name for name in champion_lineage(night) if due and name != newest.lineage]
    served = [
        version
        for name in champions
        if (version := keep_up(night.snapshot, name, tonight, control=False))
    ]
    begun = [
        v.ledger
        for v in _write_ledger(night, [*versions, *served])
        if v.ledger.get("parent") is None
    ]
    for version in (newest, *served):
        tell_of_refresh(night, version)
    tell_of_control(night, newest)
    ledger = {**newest.ledger, **({"why": begun[0].get("why")} if begun else {})}
    names = (
        "start",
        "why",
        "kept",
        "new",
        "archived",
        "examples",
        "drift",
        "recall_before",
        "recall_after",
        "recall_cold",
        "refresh_ok",
    )
    figures = {name: ledger[name] for name in names if ledger.get(name) is not None}
    return Outcome(newest.artifact, newest.artifact.rows, {"lineage": newest.lineage, **figures})


def _write_ledger(night: Night, versions: Sequence[TowerVersion]) -> list[TowerVersion]:
    """What is new among the versions, in MLflow and then in PostgreSQL: a killed night repeats
    both, to no effect.
    """
    known = recorded_towers(night.engine)
    new = [version for version in versions if version.artifact.reference not in known]
    for version in new:
        night.registry.record_tower(version.artifact.reference, night.now, version.ledger)
        record_tower(
            night.engine,
            version.lineage,
            version.learned_before,
            version.artifact.reference,
            version.ledger,
        )
    return new


def tell_of_refresh(night: Night, newest: TowerVersion) -> None:
    """On-call hears when tonight's version is worse on the new day than the one before, which
    serves then.
    """
    if (
        newest.ledger.get("refresh_ok", True)
        or newest.learned_before != night.tonight.learned_before
    ):
        return
    from recsys_tasks.monitoring.alarms import Alarm
    from recsys_tasks.stages.alarming import raise_alarm

    before, after = float(newest.ledger["recall_before"]), float(newest.ledger["recall_after"])
    floor = night.config.two_tower.warm_start.refresh_floor * before
    words = (
        f"tower {newest.artifact.key} finds less of the new day than the version before, which"
        " serves instead"
    )
    raise_alarm(
        night,
        Alarm("refresh", "held-back recall@100", floor, after, words),
        "look at recsys.tower_versions",
    )


def tell_of_control(night: Night, newest: TowerVersion) -> None:
    """On-call hears when tonight's cold control found surely more than the warm chain: the next
    night starts anew.
    """
    ledger = newest.ledger
    if (
        ledger.get("control_ok", True)
        or ledger.get("recall_cold") is None
        or not ledger["refresh_ok"]
    ):
        return
    from recsys_tasks.monitoring.alarms import Alarm
    from recsys_tasks.stages.alarming import raise_alarm

    floor = night.config.two_tower.warm_start.control_floor * float(newest.ledger["recall_cold"])
    words = (
        f"tower {newest.artifact.key} finds surely less than a cold one; the next night starts a"
        " new lineage"
    )
    alarm = Alarm(
        "control", "held-back recall@100", floor, float(newest.ledger["recall_after"]), words
    )
    raise_alarm(night, alarm, "look at recall_cold in recsys.tower_versions")


def _tower_due(night: Night) -> bool:
    """Whether tonight's version is wanted, or the newest one is young enough to serve."""
    from recsys_tasks.retrieval.tower.versions import current_lineage, tower_at

    lineage, tonight = (
        current_lineage(night.lake, night.config, night.as_of),
        night.tonight.learned_before,
    )
    newest = tower_at(night.lake, lineage, tonight) if lineage else None
    if newest is None or newest.learned_before == tonight:
        return True
    return (
        tonight - newest.learned_before
    ).days >= night.config.schedule.train_two_tower_every_days


def ranker_due(night: Night) -> bool:
    """Whether tonight trains and judges a ranker; always without a champion, and when it did so
    before.
    """
    decided = [
        parse_day(key) for key in night.lake.keys("decision") if parse_day(key) <= night.as_of
    ]
    if not decided or decided[-1] == night.as_of or night.registry.champion() is None:
        return True
    return (night.as_of - decided[-1]).days >= night.config.schedule.train_ranker_every_days


NOT_DUE = "not due tonight: the champion serves"


def needed_cutoffs(night: Night) -> tuple[Cutoffs, ...]:
    """Every pair of cutoffs that tonight learns or scores at: label windows, the gate, tonight."""
    return (*night.label_windows, night.gate, night.tonight)


def embed(night: Night) -> Outcome:
    """Vectors at every cutoff that tonight needs; the last stage that loads TensorFlow."""
    from recsys_tasks.retrieval.tower.embed import embed as embed_at

    lineages = {lineage_tonight(night), *champion_lineage(night)}
    wanted = [(lineage_tonight(night), cutoffs) for cutoffs in needed_cutoffs(night)]
    # Another champion is judged and serves; label windows are tonight's lineage's, and older than
    # it may be.
    others = sorted(lineages - {lineage_tonight(night)})
    wanted += [(lineage, cutoffs) for lineage in others for cutoffs in (night.gate, night.tonight)]
    wanted += [
        (lineage, night.gate) for lineage in anchor_lineage(night) if lineage not in lineages
    ]
    made = None
    for lineage, cutoffs in wanted:
        made = embed_at(night.snapshot, serving_tower(night, lineage, cutoffs), cutoffs)
    tonight = embeddings_at(night, lineage_tonight(night), night.tonight)
    assert made is not None
    figures = {
        "items": len(tonight.item_keys),
        "cutoffs": len(needed_cutoffs(night)),
        "lineages": len(lineages),
    }
    return Outcome(tonight.artifact, len(tonight.user_keys), figures)


def champion_lineage(night: Night) -> tuple[str, ...]:
    """The tower lineage of the release that serves, if there is one."""
    serving = serving_release(night)
    return (str(release_facts(serving)["lineage"]),) if serving else ()


def anchor_lineage(night: Night) -> tuple[str, ...]:
    """The tower lineage of the anchor, which the gate may judge, if it has a version that old."""
    anchor = _release_behind(night, "anchor")
    if anchor is None:
        return ()
    lineage = str(release_facts(anchor)["lineage"])
    return (lineage,) if tower_before(night, lineage) else ()


def tower_before(night: Night, lineage: str) -> bool:
    """Whether a lineage has a version for the gate's cutoffs."""
    try:
        return serving_tower(night, lineage, night.gate) is not None
    except DamagedArtifact:
        raise
    except ArtifactError:
        return False


def serving_release(night: Night) -> Artifact | None:
    """The champion; the release before it where the champion's files are gone, which the gate's
    verdict says.

    None while no release ever passed the gate, or none is left, or the settings want none:
    retrieval order serves then.
    """
    if night.config.ranker.mode == "none":
        return None
    return _release_behind(night, "champion") or _release_behind(night, "previous")


def _release_behind(night: Night, alias: str) -> Artifact | None:
    release = night.registry.alias(alias)
    if release is None:
        return None
    source = night.registry.source(release)
    # What is gone gives way to the release before it; what is damaged must not, or nobody hears of
    # it.
    return night.lake.get(source) if night.lake.has([source]) else None


def release_facts(release: Artifact) -> dict[str, object]:
    """What release.json says."""
    facts: dict[str, object] = json.loads(release.file("release.json").read_text())
    return facts


def build_index(night: Night) -> Outcome:
    """The nearest-neighbour index over the vectors of tonight's eligible items, with its measured
    recall.
    """
    from recsys_tasks.retrieval.index.build import build_index as build
    from recsys_tasks.snapshot.eligibility.eligible import eligible_items

    embeddings = embeddings_at(night, served_lineage(night), night.tonight)
    eligible = eligible_items(night.snapshot, night.as_of)
    built = build(night.snapshot, embeddings, night.as_of.isoformat(), eligible)
    tell_of_recall(night, built)
    return Outcome(
        built,
        built.rows,
        {k: v for k, v in built.facts.items() if isinstance(v, str | int | float | bool)},
    )


def tell_of_recall(night: Night, index: Artifact) -> None:
    """On-call hears when every index fell short and exact search serves: right, but slow on a large
    catalogue.
    """
    if not index.facts["below_floor"]:
        return
    from recsys_tasks.monitoring.alarms import Alarm
    from recsys_tasks.stages.alarming import raise_alarm

    k, floor, reached = (
        index.facts["recall_k"],
        index.facts["recall_floor"],
        index.facts["best_recall"],
    )
    words = (
        f"no index over {index.rows:,} items reaches its recall floor, so exact search serves:"
        " lists are right, slower"
    )
    alarm = Alarm("index_recall", f"index recall@{k}", floor, reached, words)
    raise_alarm(
        night,
        alarm,
        "look at the index artifact's recall.json; lower index.recall_floor if that is enough",
    )


def served_lineage(night: Night) -> str:
    """The lineage whose vectors serve tonight: the champion's, or tonight's before the first
    champion.
    """
    return next(iter(champion_lineage(night)), None) or lineage_tonight(night)


def build_examples(night: Night) -> Outcome:
    """Candidates and features at past cutoffs, labelled by what came after them."""
    from recsys_tasks.ranking.examples.build import Window, label_windows
    from recsys_tasks.ranking.examples.build import build_examples as build

    if not ranker_due(night):
        return Outcome(None, 0, note=NOT_DUE)
    lineage = lineage_tonight(night)
    spans = zip(night.label_windows, label_windows(night.timeline), strict=True)
    windows = [
        Window(open_inputs(night, lineage, cutoffs), start, end) for cutoffs, (start, end) in spans
    ]
    made = build(night.snapshot, night.timeline, windows)
    return Outcome(made, made.rows, {"windows": len(windows), **plain(made.facts)})


def train_ranker(night: Night) -> Outcome:
    """A calibrated release from tonight's examples, registered as challenger."""
    from recsys_tasks.ranking.models.ranker import train_ranker as train

    if not ranker_due(night):
        return Outcome(None, 0, note=NOT_DUE)
    examples = night.lake.require("examples", night.as_of.isoformat())
    release = train(night.config, night.lake, examples, lineage=lineage_tonight(night))
    tags = {
        "as_of": night.as_of.isoformat(),
        "lineage": lineage_tonight(night),
        "mode": str(release.facts["mode"]),
    }
    night.registry.register(
        release.key, release.reference, tags=tags, at=night.now, who="train_ranker"
    )
    return Outcome(release, release.rows, {"release": release.key, **plain(release.facts)})


def plain(facts: object) -> dict[str, str | int | float | bool | None]:
    """The plain values among an artifact's facts: what fits a row of figures."""
    assert isinstance(facts, dict)
    return {str(k): v for k, v in facts.items() if isinstance(v, str | int | float | bool)}
