"""The alarm of docs/extending.md, from its package to on-call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest

from recsys_tasks.config import Environment
from recsys_tasks.errors import ConfigError
from recsys_tasks.extensions import Found
from recsys_tasks.monitoring.alarms import ALARMS, Alarm, AlarmKind, NightFigures
from recsys_tasks.monitoring.alerts.spool import spool_of
from recsys_tasks.stages.monitoring.alarms import night_figures, raise_alarms
from recsys_tasks.stages.night import Night
from recsys_tasks.stages.records import record_metrics
from tests.guide import installed
from tests.worlds import make_config

AS_OF = date(2026, 3, 2)
ALWAYS = Alarm("zz_after", "a figure", 1.0, 2.0, "it is always past its bound")


@pytest.fixture
def night(tmp_path: Path, postgres: Mapping[str, str]) -> Iterator[Night]:
    environment = Environment(
        home=tmp_path,
        lake=str(tmp_path / "lake"),
        database_url=postgres["recsys"],
        mlflow_url=None,
        config_path=tmp_path / "none",
    )
    opened = Night.open(make_config(), environment, AS_OF)
    yield opened
    opened.engine.dispose()


def test_the_alarm_of_the_guide_is_raised_by_the_monitor_stage_with_its_own_runbook(
    night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "coverage_on_offer@10"
    record_metrics(night.engine, AS_OF - timedelta(days=1), "lists", {name: 0.5})

    def raised(coverage: float) -> int:
        measured = {"lists": {name: coverage}}
        of = night.engine, night.config, night.as_of
        figures = night_figures(*of, None, measured, same_release=True)
        return raise_alarms(night.on_call, figures)

    section = "Alarm and its runbook"
    with installed(section, ALARMS, tmp_path / "site", monkeypatch) as kind:
        assert raised(0.4) == 0
        assert raised(0.2) == 1
        ((alert, _),) = spool_of(night.environment).all()
        assert (alert.kind, alert.severity) == (kind, "warning")
        assert alert.runbook == "https://wiki.my-shop.example/recommendations/low-coverage"
        assert "20% of the items on offer" in alert.message
        assert alert.remedy.startswith("SELECT * FROM recsys.metrics")
    assert raised(0.2) == 0  # uninstalled


def test_a_broken_alarm_of_a_package_costs_no_built_in_one(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(figures: NightFigures) -> list[Alarm]:
        raise KeyError("coverage")

    broken = Found(AlarmKind("ours", "Ours", "ours.md", look=look), "ours", "ours 1.0")
    after = AlarmKind("zz_after", "After", "after.md", look=lambda figures: [ALWAYS])
    found = {**ALARMS.found, "ours": broken, "zz_after": Found(after, "after", "after 1.0")}
    monkeypatch.setitem(vars(ALARMS), "found", found)
    of = night.engine, night.config, night.as_of
    figures = night_figures(*of, None, {"drift": {"score_psi": 9.0}}, same_release=True)
    with pytest.raises(ConfigError, match=r"ours 1\.0") as refused:
        raise_alarms(night.on_call, figures)
    assert "KeyError" in refused.value.found
    kinds = {alert.kind for alert, _ in spool_of(night.environment).all()}
    assert kinds == {"drift", "zz_after"}
