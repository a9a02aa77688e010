"""A night that fails has its page, from the first stage on; a date that is none of the nights makes
no page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.config import load_config
from recsys_tasks.errors import ConfigError, SchemaError, TransientError, ValidationFailed
from recsys_tasks.lake import Lake
from recsys_tasks.stages import Night, local_environment, run_all, run_on
from tests.stages.shop_nights import rows

NIGHT = date(2026, 3, 10)
SETTINGS: dict[str, Any] = {
    "project": "corner",
    "source": {"kind": "files", "events": "events.csv", "items": "items.csv"},
    "objectives": [{"name": "purchase", "events": ["purchase"]}],
}


@pytest.fixture
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """A shop of files, before its first night, with a database of its own."""
    folder = tmp_path_factory.mktemp("corner")
    source = {
        **SETTINGS["source"],
        "events": str(folder / "events.csv"),
        "items": str(folder / "items.csv"),
    }
    (folder / "recsys.yaml").write_text(yaml.safe_dump({**SETTINGS, "source": source}))
    with local_environment(folder / "home") as environment:
        environment = environment.model_copy(update={"config_path": folder / "recsys.yaml"})
        yield Night.open(load_config(folder / "recsys.yaml"), environment, NIGHT)


def deliver(night: Night, item: str = "tea", time: str = "timestamp") -> None:
    folder = night.environment.home.parent
    hours = [f"2026-03-09T{hour:02}:00:00Z" for hour in range(5)]
    events = pd.DataFrame({"user_id": "ann", "item_id": item, "event": "purchase", time: hours})
    events.to_csv(folder / "events.csv", index=False)
    pd.DataFrame({"item_id": ["tea"], "title": ["Tea"]}).to_csv(folder / "items.csv", index=False)


def page(night: Night) -> str:
    return night.lake.require("report", night.as_of.isoformat()).file("report.html").read_text()


def ask(night: Night, *words: str) -> tuple[int, str]:
    environment = {
        "RECSYS_HOME": str(night.environment.home),
        "RECSYS_CONFIG": str(night.environment.config_path),
    }
    result = CliRunner().invoke(app, list(words), env=environment)
    return result.exit_code, result.output


def test_a_night_that_fails_at_its_first_stage_has_a_page_that_says_what_and_what_readers_saw(
    shop: Night,
) -> None:
    deliver(shop, time="when")
    with pytest.raises(SchemaError) as caught:
        next(run_all(shop))
    html = page(shop)
    assert "extract failed. Data not checked" in html and "Readers had no lists yet" in html
    assert "SchemaError" in html and caught.value.remedy.split("`")[0][:40] in html
    assert "As of 2026-03-10 01:00 UTC." in html
    code, text = ask(shop, "report", "--as-of", "2026-03-10")
    assert code == 0 and Path(text.strip()).read_text() == html


def test_a_refused_batch_has_a_page_and_the_stage_that_ended_well_since_is_no_failure_any_more(
    shop: Night,
) -> None:
    deliver(shop, time="when")
    with pytest.raises(SchemaError):
        run_on(shop, "extract")
    deliver(shop, item="unheard of")
    run_on(shop, "extract")
    with pytest.raises(ValidationFailed):
        run_on(shop, "freeze")
    html = page(shop)
    assert (
        "freeze failed. Data refused" in html
        and "extract failed" not in html
        and "unheard of" in html
    )
    # Once more by hand, hours later: what failed is on record, not only on the page.
    assert ask(shop, "report", "--as-of", "2026-03-10", "--again")[0] == 0
    assert "freeze failed. Data refused" in page(shop)
    deliver(shop)
    fresh = Night.open(shop.config, shop.environment, NIGHT)
    run_on(fresh, "extract")
    run_on(fresh, "freeze")
    run_on(fresh, "report")
    assert "failed." not in page(fresh).split("</header>")[0]


def test_a_failed_night_whose_database_is_away_has_a_page_that_claims_nothing_of_readers(
    shop: Night,
) -> None:
    deliver(shop, time="when")
    away = replace(shop, as_of=date(2026, 3, 11))
    vars(away)["writer_url"] = "postgresql+psycopg://recsys@127.0.0.1:1/recsys?connect_timeout=1"
    with pytest.raises(TransientError):
        run_on(away, "extract")
    html = page(away)
    assert (
        "extract failed." in html
        and "What readers saw is not known" in html
        and "had no lists" not in html
    )


def test_a_night_that_never_ran_is_refused_and_makes_no_page(shop: Night) -> None:
    deliver(shop)
    for stage in ("extract", "freeze", "report"):
        run_on(shop, stage)
    kinds = ("report", "plan", "snapshot")
    before = {kind: Lake(shop.environment.lake).keys(kind) for kind in kinds}
    recorded = rows(shop, "SELECT count(*) AS n FROM recsys.stage_runs")["n"][0]
    for command in (("report",), ("report", "--again"), ("export-embeddings", "--to", "x")):
        for day in ("2062-03-10", "2026-03-01", "0206-03-10"):
            code, text = ask(shop, *command, "--as-of", day)
            assert code == 1 and "expected:" in text and "todo:" in text, text
            assert day in text.split("found:")[1].split("where:")[0], text
            assert "2026" in text or "future" in text, text
    assert {kind: Lake(shop.environment.lake).keys(kind) for kind in before} == before
    assert rows(shop, "SELECT count(*) AS n FROM recsys.stage_runs")["n"][0] == recorded


def test_a_night_of_the_future_is_refused_before_anything_runs(shop: Night) -> None:
    code, text = ask(shop, "run", "--as-of", "2062-03-10")
    assert code == 1 and "found: 2062-03-10, which is in the future" in text and "todo:" in text
    at_one = datetime(2026, 3, 10, 1, tzinfo=UTC)
    assert Night.open(shop.config, shop.environment, NIGHT, at_one).now == at_one
    with pytest.raises(ConfigError, match="future"):
        Night.open(shop.config, shop.environment, date(2026, 3, 11), at_one)
    simulated = shop.config.model_copy(update={"clock": "simulated"})
    assert Night.open(simulated, shop.environment, date(2026, 3, 11), at_one).as_of == date(
        2026, 3, 11
    )


def test_an_erased_user_leaves_the_record_of_failures(shop: Night) -> None:
    error = json.dumps({"found": "user ann-7000 twice"})
    with shop.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO recsys.stage_failures (as_of, stage, error) VALUES ('2026-03-01',"
            " 'freeze', %s)",
            (error,),
        )
    code, text = ask(shop, "erase-user", "ann-7000")
    kept = rows(
        shop, "SELECT error::text AS error FROM recsys.stage_failures WHERE as_of = '2026-03-01'"
    )["error"]
    assert code == 0 and list(kept) == ['{"found": "user (erased) twice"}'], text


def test_what_ends_a_stage_by_hand_is_no_failure(
    shop: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("recsys_tasks.stages.extract.run", stopped)
    other = replace(shop, as_of=date(2026, 3, 12))
    with pytest.raises(KeyboardInterrupt):
        run_on(other, "extract")
    assert other.lake.newest("report", "2026-03-12") is None
