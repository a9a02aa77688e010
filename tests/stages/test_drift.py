"""A night tells on-call when the shop's events or the lists' success changed their shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from recsys_tasks.clock import start_of
from recsys_tasks.config import Environment
from recsys_tasks.monitoring.alarms import Alarm, NightFigures, drift, quality_drop
from recsys_tasks.stages.monitoring.alarms import night_figures
from recsys_tasks.stages.monitoring.drift import event_drift
from recsys_tasks.stages.night import Night
from recsys_tasks.stages.records import record_metrics
from tests.stages.shop_nights import TwoNights, rows
from tests.worlds import make_config, make_snapshot

AS_OF = date(2026, 3, 2)
FIRST = AS_OF - timedelta(days=29)


@pytest.fixture
def night(tmp_path: Path, postgres: Mapping[str, str]) -> Iterator[Night]:
    environment = Environment(
        home=tmp_path,
        lake=str(tmp_path / "lake"),
        database_url=postgres["recsys"],
        mlflow_url=None,
        config_path=tmp_path / "none",
    )
    kinds = [{"name": "view"}, {"name": "purchase", "weight": 5}]
    opened = Night.open(make_config(events={"kinds": kinds}), environment, AS_OF)
    yield opened
    opened.engine.dispose()


def a_shop(night: Night, purchases_of_the_newest_day: int, events_a_day: int = 250) -> Night:
    """29 days of a purchase in five events; the newest day has another number of purchases."""
    table = []
    for day in range(29):
        newest = day == 28
        for n in range(events_a_day):
            bought = n < purchases_of_the_newest_day if newest else n % 5 == 0
            ts = start_of(FIRST + timedelta(days=day)) + n
            table.append((f"u{n % 40}", f"i{n % 9}", ts, "purchase" if bought else "view"))
    frame = pd.DataFrame(table, columns=["user_id", "item_id", "ts", "event"])
    make_snapshot(Path(night.environment.lake), night.config, AS_OF, frame)
    return night


def figures(
    night: Night, before: date | None, measured: dict[str, dict[str, float]]
) -> NightFigures:
    of = night.engine, night.config, night.as_of
    return night_figures(*of, before, measured, same_release=True)


@pytest.mark.parametrize(("purchases", "alarms"), [(50, 0), (60, 0), (0, 1), (200, 1)])
def test_a_tracker_that_broke_is_told_and_a_usual_day_is_not(
    night: Night, purchases: int, alarms: int
) -> None:
    found = list(
        drift.look(figures(night, None, {"drift": event_drift(a_shop(night, purchases).snapshot)}))
    )
    assert len(found) == alarms and all(
        a.kind == "drift" and a.metric == "event_mix_psi" for a in found
    )


def test_prices_that_come_in_cents_are_told_and_quantities_that_stay_are_not(
    night: Night, tmp_path: Path
) -> None:
    """28 days of prices from 1 to 50; the newest day's are a hundred times as high."""
    table = [
        (
            f"u{n % 40}",
            f"i{n % 9}",
            start_of(FIRST + timedelta(days=day)) + n,
            1 + n % 50,
            1 + n % 3,
        )
        for day in range(29)
        for n in range(250)
    ]
    frame = pd.DataFrame(table, columns=["user_id", "item_id", "ts", "price", "quantity"])
    frame["event"] = "view"
    newest = frame.ts >= start_of(AS_OF) - 86_400
    frame["price"] = frame.price.where(~newest, frame.price * 100).astype(float)
    found = event_drift(make_snapshot(tmp_path / "lake", night.config, AS_OF, frame))
    assert found["price_psi"] > 1
    assert found["quantity_psi"] < 0.01


def test_a_handful_of_events_is_no_drift(night: Night) -> None:
    assert event_drift(a_shop(night, 0, events_a_day=20).snapshot) == {}


def test_a_fall_of_what_users_take_from_their_lists_is_told(night: Night) -> None:
    before = AS_OF - timedelta(days=1)
    for back in range(2, 8):
        record_metrics(night.engine, AS_OF - timedelta(days=back), "realised", {"ndcg@10": 0.1})
    # What is known of tonight's own lists already says nothing of the lists before.
    record_metrics(night.engine, AS_OF, "realised", {"ndcg@10": 0.01})

    def told(ndcg: float) -> list[Alarm]:
        return list(quality_drop.look(figures(night, before, {"realised": {"ndcg@10": ndcg}})))

    assert told(0.08) == [] and told(float("nan")) == []
    assert list(quality_drop.look(figures(night, None, {}))) == []
    (alarm,) = told(0.06)
    assert alarm.kind == "quality_drop" and alarm.bound == pytest.approx(0.07)


def test_a_monitor_sees_what_other_stages_recorded_of_the_night(night: Night) -> None:
    record_metrics(night.engine, AS_OF, "gate/generator=trending", {"recall@300": 0.2})
    record_metrics(night.engine, AS_OF, "lists", {"coverage@10": 0.1, "of an earlier run": 1.0})
    seen = figures(night, None, {"lists": {"coverage@10": 0.3}})
    assert seen.value("gate/generator=trending", "recall@300") == 0.2
    assert seen.tonight["lists"] == {"coverage@10": 0.3}


def test_every_night_records_its_drift(nights: TwoNights) -> None:
    second = nights.second
    kept = rows(
        second,
        "SELECT name, value FROM recsys.metrics WHERE scope = 'drift' AND as_of = :d",
        d=second.as_of,
    )
    assert {"event_mix_psi", "score_psi"} <= set(kept.name) and kept.value.notna().all()
