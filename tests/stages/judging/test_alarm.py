"""Who hears of a refused and of a held release, with what words, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from recsys_tasks.config import Environment
from recsys_tasks.gate.decision import GateContext, GateDecision, RuleResult, Verdict, conclude
from recsys_tasks.monitoring.alerts.alert import Alert
from recsys_tasks.monitoring.alerts.spool import spool_of
from recsys_tasks.registry.registry import Registry
from recsys_tasks.stages.judging.alarm import STUCK_NIGHTS, tell_of_verdict
from recsys_tasks.stages.night import Night
from tests.worlds import make_config

FIRST = date(2026, 3, 10)
SERVED = (
    "Until a release passes, readers get the order of retrieval: ndcg@10 0.0915, -46% against this"
    " release's 0.1694"
)


@pytest.fixture
def night(release_server: dict[str, str], registry: Registry, tmp_path: Path) -> Iterator[Night]:
    """The first of some nights, of an empty registry."""
    environment = Environment(
        home=tmp_path,
        lake=str(tmp_path / "lake"),
        database_url=release_server["recsys"],
        mlflow_url=release_server["mlflow"],
        config_path=tmp_path / "none",
    )
    opened = Night.open(
        make_config(project=registry.model_name[-40:].strip("_")), environment, FIRST
    )
    yield opened
    opened.engine.dispose()


def decided(
    night: Night, verdict: Verdict, champion: str | None = None, after: int = 0, reasons: int = 1
) -> Night:
    """A night so many days later that ends with a verdict, recorded and told."""
    later = Night.open(night.config, night.environment, night.as_of + timedelta(days=after))
    leads_to: Verdict = "reject" if verdict == "promote" else verdict
    rules = tuple(
        RuleResult(f"rule{n}", 1, 2, verdict == "promote", f"rule {n} says so", leads_to)
        for n in range(reasons)
    )
    served = None if champion else SERVED
    context = GateContext(later.as_of, later.as_of - timedelta(days=7))
    decision: GateDecision = conclude("r1", champion, context, rules, served)
    assert decision.verdict == verdict
    night.registry.record_decision(decision, later.now, {})
    for _ in range(2):  # a judge that runs again says nothing new
        tell_of_verdict(later.on_call, later.serving, decision)
    later.engine.dispose()
    return later


def alerts(night: Night) -> list[Alert]:
    return [alert for alert, _ in spool_of(night.environment).all()]


def test_better_and_not_better_are_no_news(night: Night) -> None:
    decided(night, "promote")
    decided(night, "reject", after=1)
    assert alerts(night) == []


def test_a_refused_first_release_says_why_and_what_readers_get_in_figures(night: Night) -> None:
    decided(night, "refuse", reasons=5)
    (alert,) = alerts(night)
    assert (alert.kind, alert.severity, alert.as_of) == ("gate_refused", "warning", str(FIRST))
    assert (
        alert.message.splitlines()[0]
        == f"release r1 was refused. {SERVED}. Why: rule 0 says so (and 4 more)"
    )
    assert alert.runbook == "include/runbooks/release-refused.md"
    assert (
        "recsys report --as-of 2026-03-10" in alert.remedy
        and "recsys promote r1 --who" in alert.remedy
    )


def test_a_held_release_asks_for_a_person(night: Night) -> None:
    decided(night, "hold", champion="r0")
    (alert,) = alerts(night)
    assert (alert.kind, alert.severity) == ("gate_held", "warning")
    assert (
        "release r1 is held for a person to decide. Until a release passes" in alert.message
    )  # r0's files are gone
    assert "Why: rule 0 says so\n" in alert.message
    assert (
        alert.runbook == "include/runbooks/release-held.md" and "recsys promote r1" in alert.remedy
    )


def test_many_such_nights_in_a_row_are_worse_and_one_that_was_judged_ends_them(
    night: Night,
) -> None:
    for after, verdict in enumerate(
        ("refuse", "hold", "refuse")
    ):  # as if three judges had worked, a day apart
        decided(night, verdict, after=after)  # type: ignore[arg-type]
    assert [(a.kind, a.severity) for a in alerts(night)] == [
        ("gate_refused", "warning"),
        ("gate_held", "warning"),
        ("gate_stuck", "critical"),
    ]
    stuck = alerts(night)[-1]
    assert (
        f"as on the nights before, {STUCK_NIGHTS} in a row" in stuck.message
        and "= 3, bound 0" in stuck.message
    )
    decided(night, "reject", after=3)
    decided(night, "refuse", after=4)
    assert [a.kind for a in alerts(night)][3:] == ["gate_refused"]
