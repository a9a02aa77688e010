"""The registry on a real PostgreSQL and a real MLflow store, also when it is killed half-way."""

from __future__ import annotations

import threading
from datetime import date

import pytest
from mlflow.tracking import MlflowClient
from sqlalchemy import Engine, text

from benchmarks.serving.queries import queries
from recsys_tasks.database import create_engine
from recsys_tasks.errors import ServingError, TransientError
from recsys_tasks.gate.decision import GateContext, not_judged
from recsys_tasks.registry.audit import champions
from recsys_tasks.registry.hand_moves import HandMove
from recsys_tasks.registry.registry import ALIASES, Registry
from tests.registry.moves import add, at, events, record, serves

# --- the record alone --------------------------------------------------------------------------


def test_champions_are_a_stack() -> None:
    events = record(
        (0, "promoted", "a"), (1, "promoted", "b"), (2, "rejected", "c"), (3, "promoted", "d")
    )
    assert champions(events) == ["a", "b", "d"]
    assert champions([*events, *record((4, "rolled_back", "b"))]) == ["a", "b"]
    assert champions([*events, *record((4, "hand_moved", "c"))]) == ["a", "b", "d", "c"]
    assert champions(record((0, "hand_moved", "x"), (0, "rolled_back", "none"))) == []


# --- on real stores ----------------------------------------------------------------------------


def test_life_of_three_releases(registry: Registry) -> None:
    assert registry.champion() is None
    add(registry, "r1", "r2", "r3")
    for day, release in enumerate(("r1", "r2", "r3")):
        registry.promote(release, who="gate", why="better", at=at(day))
    assert (registry.champion(), registry.alias("previous")) == ("r3", "r2")
    assert registry.since("champion") == at(2)
    assert registry.rollback(who="anna", why="odd lists", at=at(3)) == "r2"
    assert (registry.champion(), registry.alias("previous")) == ("r2", "r1")
    assert registry.rollback(who="anna", why="still odd", at=at(4)) == "r1"
    assert registry.alias("previous") is None
    with pytest.raises(ServingError, match="only r1"):
        registry.rollback(who="anna", why="further", at=at(5))
    assert registry.source("r1") == "release/r1/000001-aa"


def test_registering_and_rejecting_twice_adds_nothing(registry: Registry) -> None:
    first = registry.register("r1", "release/r1/a", tags={"lineage": "x"}, at=at(0), who="train")
    assert registry.register("r1", "release/r1/a", tags={}, at=at(1), who="train") == first
    for _ in range(2):
        registry.reject("r1", who="gate", why="not better", at=at(1))
    assert [e.event for e in registry.history()] == ["registered", "rejected"]


def test_promoting_the_champion_again_adds_nothing(registry: Registry) -> None:
    add(registry, "r1")
    for day in range(2):
        registry.promote("r1", who="gate", why="better", at=at(day))
    assert events(registry) == [("promoted", "r1")]


def test_unknown_release_is_refused(registry: Registry) -> None:
    with pytest.raises(ServingError, match="no version with this id"):
        registry.promote("r9", who="gate", why="better", at=at(0))


def test_the_same_promotion_after_a_rollback_is_a_new_row(registry: Registry) -> None:
    # a simulated clock gives a rerun night the very same time and words
    add(registry, "r1", "r2")
    registry.promote("r1", who="gate", why="first", at=at(0))
    registry.promote("r2", who="gate", why="better", at=at(1))
    registry.rollback(who="anna", why="odd", at=at(1))
    registry.promote("r2", who="gate", why="better", at=at(1))
    assert registry.champion() == "r2" and len(events(registry)) == 4


@pytest.mark.parametrize("killed_at", ["point", "append", "clear_pending"])
def test_a_change_cut_short_is_finished_by_the_next_call(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    add(registry, "r1", "r2")
    registry.promote("r1", who="gate", why="first", at=at(0))
    owner = registry.audit if killed_at == "append" else registry.store
    with monkeypatch.context() as patch:
        patch.setattr(owner, killed_at, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            registry.promote("r2", who="gate", why="better", at=at(1))
    assert registry.champion() == "r2" and registry.alias("previous") == "r1"
    assert events(registry) == [("promoted", "r1"), ("promoted", "r2")]
    assert registry.reconcile(at(2), serves) is None  # not mistaken for a move by hand


def by_hand(server: dict[str, str]) -> MlflowClient:
    return MlflowClient(tracking_uri=server["mlflow"], registry_uri=server["mlflow"])


def test_a_move_by_hand_is_noticed_validated_and_serves(
    registry: Registry, release_server: dict[str, str]
) -> None:
    add(registry, "r1", "r2")
    registry.promote("r1", who="gate", why="first", at=at(0))
    by_hand(release_server).set_registered_model_alias(registry.model_name, "champion", "2")
    asked: list[str] = []
    assert registry.reconcile(at(1), asked.append) == HandMove("r2", "r1", None)
    assert asked == ["r2"] and (registry.champion(), registry.alias("previous")) == ("r2", "r1")
    assert events(registry) == [("promoted", "r1"), ("hand_moved", "r2")]
    assert registry.reconcile(at(2), serves) is None


def test_a_move_by_hand_that_cannot_serve_is_undone(
    registry: Registry, release_server: dict[str, str]
) -> None:
    add(registry, "r1", "r2")
    registry.promote("r1", who="gate", why="first", at=at(0))
    client = by_hand(release_server)
    client.set_registered_model_alias(registry.model_name, "champion", "2")
    assert registry.reconcile(at(1), lambda _: "its files are gone") == HandMove(
        "r2", "r1", "its files are gone"
    )
    strange = client.create_model_version(registry.model_name, source="somewhere")
    client.set_registered_model_alias(registry.model_name, "champion", str(strange.version))
    move = registry.reconcile(at(2), serves)
    assert move is not None and move.undone == "the pipeline never registered it"
    assert registry.champion() == "r1" and registry.history()[-1].why.startswith(
        "unregistered version 3 cannot serve"
    )


def test_a_deleted_alias_is_put_back(registry: Registry, release_server: dict[str, str]) -> None:
    add(registry, "r1")
    registry.promote("r1", who="gate", why="first", at=at(0))
    by_hand(release_server).delete_registered_model_alias(registry.model_name, "champion")
    assert registry.reconcile(at(1), serves) == HandMove("r1", "r1", None)
    assert (
        registry.champion() == "r1"
        and registry.history()[-1].why == "the alias was deleted; put back"
    )


def test_a_hand_move_before_there_was_a_champion_is_undone(
    registry: Registry, release_server: dict[str, str]
) -> None:
    add(registry, "r1")
    by_hand(release_server).set_registered_model_alias(registry.model_name, "champion", "1")
    assert registry.reconcile(at(1), lambda _: "no") == HandMove("r1", None, "no")
    assert registry.champion() is None


def test_two_processes_wait_for_each_other(
    registry: Registry, release_server: dict[str, str], writer: Engine
) -> None:
    add(registry, "r1")
    other = Registry(release_server["mlflow"], writer, registry.model_name)
    rival = threading.Thread(
        target=other.promote, args=("r1",), kwargs={"who": "b", "why": "b", "at": at(1)}
    )
    with registry.audit.locked():
        rival.start()
        rival.join(0.3)
        assert rival.is_alive() and registry.history()[-1].event == "registered"
    rival.join(10)
    assert events(registry) == [("promoted", "r1")]


def test_the_anchor_and_the_shadow_are_on_record_too(registry: Registry) -> None:
    add(registry, "r1", "r2")
    registry.set_alias("anchor", "r1", who="gate", why="fixed every 90 days", at=at(0))
    registry.set_alias("shadow", "r2", who="anna", why="watch it", at=at(1))
    registry.promote("r2", who="gate", why="better", at=at(2))
    for _ in range(2):
        registry.set_alias("anchor", "r1", who="gate", why="fixed every 90 days", at=at(90))
    registry.set_alias("shadow", None, who="anna", why="seen enough", at=at(91))
    assert [registry.alias(name) for name in ALIASES] == ["r2", None, "r1", None]
    assert events(registry) == [
        ("anchored", "r1"),
        ("shadowed", "r2"),
        ("promoted", "r2"),
        ("anchored", "r1"),
        ("shadowed", "none"),
    ]
    assert registry.since("anchor") == at(90) and registry.since("champion") == at(2)
    assert registry.since("shadow") is None and registry.since("previous") is None
    with pytest.raises(ServingError, match="use promote or rollback"):
        registry.set_alias("champion", "r1", who="anna", why="because", at=at(92))


def test_other_aliases_moved_by_hand_are_taken_over_or_put_back(
    registry: Registry, release_server: dict[str, str]
) -> None:
    add(registry, "r1", "r2")
    registry.promote("r1", who="gate", why="first", at=at(0))
    client = by_hand(release_server)
    strange = str(client.create_model_version(registry.model_name, source="somewhere").version)
    for alias, version in (("anchor", "2"), ("shadow", strange), ("previous", "2")):
        client.set_registered_model_alias(registry.model_name, alias, version)
    assert registry.reconcile(at(1), serves) is None  # the champion stood
    assert [registry.alias(name) for name in ALIASES] == ["r1", None, "r2", None]
    whys = {e.event: e.why for e in registry.history() if e.who == "by hand in MLflow"}
    assert whys["anchored"] == "moved from nothing"
    assert whys["shadowed"] == "the alias shadow was moved to unregistered version 3; put back"
    assert whys["hand_moved"] == "the alias previous was moved to r2; put back"
    assert registry.since("champion") == at(0)


def test_an_unknown_release_is_put_back_before_it_can_become_previous(
    registry: Registry, release_server: dict[str, str]
) -> None:
    add(registry, "r1", "r2")
    registry.promote("r1", who="gate", why="first", at=at(0))
    client = by_hand(release_server)
    strange = str(client.create_model_version(registry.model_name, source="somewhere").version)
    client.set_registered_model_alias(registry.model_name, "champion", strange)
    registry.promote("r2", who="gate", why="better", at=at(1))
    assert (registry.champion(), registry.alias("previous")) == ("r2", "r1")


def test_one_gate_at_a_time_and_the_wait_ends(
    registry: Registry, release_server: dict[str, str]
) -> None:
    engine = create_engine(release_server["recsys"])
    other = Registry(release_server["mlflow"], engine, registry.model_name)
    with registry.judging(1) as mine:
        with other.judging(1) as theirs:
            assert (mine, theirs) == (True, False)
        registry.reject("r1", who="gate", why="the registry itself is free meanwhile", at=at(0))
    with other.judging(1) as theirs:
        assert theirs
    engine.dispose()


def test_what_was_live_is_one_query(registry: Registry, writer: Engine) -> None:
    add(registry, "r1", "r2")
    registry.promote("r1", who="gate", why="first", at=at(0))
    registry.promote("r2", who="gate", why="better", at=at(2))
    registry.rollback(who="anna", why="odd", at=at(3))
    found = [live_on(writer, at(day).date()) for day in range(-1, 4)]
    assert found == [None, "r1", "r1", "r2", "r1"]


def live_on(engine: Engine, day: date) -> str | None:
    """The cookbook's query."""
    (sql,) = (
        query.sql
        for query in queries(as_of=day.isoformat())
        if query.title.startswith("Which release was live")
    )
    with engine.connect() as connection:
        row = connection.exec_driver_sql(sql).first()
    return row.release if row else None


def test_decision_is_recorded_once_in_table_and_run(
    registry: Registry, release_server: dict[str, str], writer: Engine
) -> None:
    decision = not_judged("r1", None, GateContext(date(2026, 3, 10), date(2026, 3, 3)), "backfill")
    for _ in range(2):
        registry.record_decision(decision, at(0), {"ndcg@10": 0.25, "coverage@10": float("nan")})
    with writer.connect() as connection:
        rows = connection.execute(
            text("SELECT as_of, verdict, rules FROM recsys.gate_decisions")
        ).all()
    assert [(r.as_of, r.verdict, r.rules[0]["name"]) for r in rows] == [
        (date(2026, 3, 10), "reject", "judged")
    ]
    client = by_hand(release_server)
    experiment = client.get_experiment_by_name(registry.model_name)
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.metrics == {"ndcg_at_10": 0.25} and "backfill" in run.data.tags["paragraph"]


def test_a_database_that_does_not_answer_is_transient(release_server: dict[str, str]) -> None:
    away = create_engine("postgresql://x@127.0.0.1:9/recsys")
    with pytest.raises(TransientError):
        Registry(release_server["mlflow"], away, "away").promote("r1", who="a", why="b", at=at(0))
