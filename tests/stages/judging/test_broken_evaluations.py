"""The gate on a page whose readers are alike, and on the demo's shop: an honest release passes,
broken evaluations not.

The faults are planted into the running evaluation (`tests/airflow/gate_plants.py`); the verdict is
the gate's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys_tasks.config import DEFAULT_CONFIG, Config, load_config, parse_config
from recsys_tasks.gate.decision import GateDecision
from recsys_tasks.lake import Artifact
from recsys_tasks.monitoring.alerts.spool import spool_of
from recsys_tasks.registry.registry import prepare
from recsys_tasks.sources.kinds.shop import ShopSource
from recsys_tasks.sources.shop.source import Shop
from recsys_tasks.stages import STAGE_NAMES, Night, local_environment, run_on
from recsys_tasks.stages.judging import verdict as judging
from recsys_tasks.stages.judging.window import GateWindow
from recsys_tasks.stages.night import mlflow_url
from tests.airflow import gate_plants as plants
from tests.stages.shop_nights import rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

BEFORE_THE_GATE = STAGE_NAMES[: STAGE_NAMES.index("judge")]
ISSUES, PER_ISSUE, READERS = 50, 18, 450


def gazette(folder: Path, seed: int = 11) -> Config:
    """A daily paper: every issue's pieces are read while they are new, by anyone, as much as each
    piece draws.

    Nobody has a taste, and nobody reads a piece twice: who has read what is all that tells readers
    apart.
    """
    rng = np.random.default_rng(seed)
    draw, issue = rng.lognormal(0, 1.6, ISSUES * PER_ISSUE), np.repeat(np.arange(ISSUES), PER_ISSUE)
    found: list[pd.DataFrame] = []
    for day in range(ISSUES):
        chance = np.where(issue <= day, draw * 0.55 ** (day - issue), 0.0)
        reads = int(rng.poisson(150))
        seconds = day * 86_400 + rng.integers(5 * 3600, 86_400, reads)
        pieces = rng.choice(len(draw), reads, p=chance / chance.sum())
        found.append(
            pd.DataFrame(
                {
                    "user_id": rng.integers(0, READERS, reads),
                    "item_id": pieces,
                    "timestamp": seconds,
                }
            )
        )
    events = pd.concat(found).drop_duplicates(["user_id", "item_id"]).assign(event="read")
    events["timestamp"] += int(pd.Timestamp("2026-01-05", tz="UTC").timestamp())
    events = events.assign(
        user_id="r" + events.user_id.astype(str), item_id="p" + events.item_id.astype(str)
    )
    events.to_csv(folder / "reads.csv", index=False)
    pd.DataFrame({"item_id": [f"p{piece}" for piece in range(len(draw))]}).to_csv(
        folder / "pieces.csv", index=False
    )
    return parse_config(
        {
            "project": "gazette",
            "clock": "simulated",
            "source": {
                "kind": "files",
                "events": str(folder / "reads.csv"),
                "items": str(folder / "pieces.csv"),
            },
            "events": {"kinds": [{"name": "read"}]},
            "objectives": [{"name": "read", "events": ["read"]}],
            "repeat_consumption": "forbid",
            "resources": {"threads": 1},
        }
    )


@contextmanager
def before_the_gate(config: Config, home: Path, as_of: date) -> Iterator[Night]:
    """A night with a trained challenger and no champion."""
    with local_environment(home) as environment:
        prepare(mlflow_url(environment))
        if isinstance(config.source, ShopSource):
            Shop(config.source, environment.home).simulate(as_of)
        night = Night.open(config, environment, as_of)
        for stage in BEFORE_THE_GATE:
            run_on(night, stage)
        yield night
        night.engine.dispose()


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    folder = tmp_path_factory.mktemp("paper")
    with before_the_gate(
        gazette(folder), folder / "home", date(2026, 1, 5) + timedelta(days=ISSUES)
    ) as night:
        yield night


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    with before_the_gate(
        load_config(DEFAULT_CONFIG), tmp_path_factory.mktemp("demo"), date(2026, 3, 2)
    ) as night:
        yield night


@pytest.fixture(params=["paper", "demo"])
def shop(request: pytest.FixtureRequest) -> Night:
    found: Night = request.getfixturevalue(request.param)
    return found


def challenger(night: Night) -> Artifact:
    return judging.challenger_of(night.lake, night.engine, night.as_of)


def gate_of(night: Night) -> judging.Gate:
    """What the stage hands to the judge."""
    before = next(iter(night.label_windows), None)
    window = GateWindow(night.snapshot, night.gate, night.as_of, before)
    index = night.lake.newest("index", night.as_of.isoformat())
    return judging.Gate(window, night.serving, night.on_call, index)


def verdict(night: Night, plant: plants.Plant = plants.nothing) -> GateDecision:
    """What the gate says of tonight's challenger as a first release; nothing is kept."""
    fresh = Night.open(night.config, night.environment, night.as_of)
    with pytest.MonkeyPatch.context() as patch:
        plant(patch, fresh)
        decision = judging.evaluate_and_decide(gate_of(fresh), challenger(fresh), None).decision
    print(f"\n\n{decision.paragraph}\n")
    return decision


def retrained(night: Night, plant: plants.Plant, seed: int) -> GateDecision:
    """The same of a challenger that was trained with a fault; another seed makes other examples."""
    resources = night.config.resources.model_copy(update={"seed": seed})
    other = Night.open(
        night.config.model_copy(update={"resources": resources}), night.environment, night.as_of
    )
    with pytest.MonkeyPatch.context() as patch:
        plant(patch, other)
        for stage in ("build_examples", "train_ranker"):
            run_on(other, stage)
        try:
            decision = judging.evaluate_and_decide(gate_of(other), challenger(other), None).decision
        finally:  # the next case's challenger and examples are the honest ones
            for kind in ("release", "examples"):
                key = challenger(other).key if kind == "release" else other.as_of.isoformat()
                other.lake.remove(other.lake.require(kind, key))
            run_on(night, "train_ranker")
    print(f"\n\n{decision.paragraph}\n")
    return decision


def failed(decision: GateDecision) -> set[str]:
    return {rule.name for rule in decision.rules if not rule.passed and rule.leads_to}


def rule(decision: GateDecision, name: str) -> float:
    return next(r.value for r in decision.rules if r.name == name and r.value is not None)


def test_an_honest_release_passes_where_users_differ_and_where_they_are_alike(shop: Night) -> None:
    decision = verdict(shop)
    assert decision.promotes and not failed(decision)
    assert (
        rule(decision, "first_beats_popularity") >= 0.975 and rule(decision, "recount_agrees") == 0
    )
    if shop.config.project == "gazette":
        assert (
            rule(decision, "real_beats_shuffled") < 0.975
            and "users are alike here" in decision.paragraph
        )
    else:
        assert rule(decision, "real_beats_shuffled") == 1.0


@pytest.mark.parametrize(
    "plant",
    [
        plants.truth_of_the_next_user,
        plants.keys_of_the_next_user,
        plants.ids_of_the_next_user,
        plants.one_list_for_all,
        plants.list_of_the_user_before,
        plants.a_list_without_users,
        plants.features_of_tonight,
    ],
    ids=lambda plant: getattr(plant, "__name__", ""),
)
def test_a_broken_join_is_refused_whether_or_not_users_are_alike(
    shop: Night, plant: plants.Plant
) -> None:
    decision = verdict(shop, plant)
    assert decision.verdict == "refuse" and "recount_agrees" in failed(decision)
    assert "canary second count" in decision.paragraph


def test_a_feature_that_knows_the_window_is_refused_by_name(shop: Night) -> None:
    decision = retrained(shop, plants.next_week, seed=101)
    assert decision.verdict == "refuse" and "no_leaking_column" in failed(decision)
    assert "'next_week'" in decision.paragraph


def test_labels_that_reach_into_the_window_are_refused(shop: Night) -> None:
    decision = retrained(shop, plants.labels_up_to_tonight, seed=102)
    assert decision.verdict == "refuse" and "recount_agrees" in failed(decision)
    assert "that it learned from are not what happened in their window" in decision.paragraph


def test_a_release_worse_than_popularity_is_not_promoted_where_users_are_alike(
    paper: Night,
) -> None:
    decision = retrained(paper, plants.guesses, seed=103)
    assert not decision.promotes and rule(decision, "first_beats_popularity") < 0.5


def test_readers_of_the_paper_get_the_release_and_on_call_hears_of_a_refusal(paper: Night) -> None:
    refused = Night.open(paper.config, paper.environment, paper.as_of)
    with pytest.MonkeyPatch.context() as patch:
        plants.truth_of_the_next_user(patch, refused)
        for _ in range(2):  # a second judge says the same: no second alert
            assert run_on(refused, "judge").figures["verdict"] == "refuse"
    ((alert, _),) = [
        kept for kept in spool_of(paper.environment).all() if kept[0].kind.startswith("gate_")
    ]
    assert (alert.kind, alert.severity, alert.as_of) == (
        "gate_refused",
        "warning",
        str(paper.as_of),
    )
    assert "are said to have done" in alert.message and alert.runbook.endswith("release-refused.md")
    assert "Until a release passes, readers get the order of retrieval: ndcg@10 0." in alert.message
    assert (
        "against this release's" in alert.message and "against plain popularity's" in alert.message
    )
    assert refused.registry.champion() is None
    refused.lake.remove(refused.lake.require("decision", paper.as_of.isoformat()))
    for stage in STAGE_NAMES[len(BEFORE_THE_GATE) :]:
        for shard in range(paper.config.serving.shards) if stage == "precompute_shard" else (None,):
            run_on(paper, stage, shard)
    shown = rows(paper, "SELECT DISTINCT release, rung FROM recsys.recommendations")
    assert (
        shown["release"].tolist() == [paper.registry.champion()] and shown["release"].notna().all()
    )
