"""`recsys run` tells on-call as a night under Airflow does: one message a cause, and its end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.stages import local_environment
from tests.airflow.recorder import Recorder

SETTINGS: dict[str, Any] = {
    "project": "corner",
    "source": {"kind": "files", "events": "events.csv", "items": "items.csv"},
    "objectives": [{"name": "purchase", "events": ["purchase"]}],
}
_ITEMS = "item_id,title\ntea,Tea\nrum,Rum\n"


class Shop:
    """A shop of files, asked by its commands."""

    def __init__(self, folder: Path, channel: Recorder) -> None:
        self.folder = folder
        (folder / "recsys.yaml").write_text(yaml.safe_dump(SETTINGS))
        self.environment = {
            "RECSYS_HOME": str(folder / "home"),
            "RECSYS_CONFIG": str(folder / "recsys.yaml"),
            "AIRFLOW_CONN_ALERT_WEBHOOK": channel.as_webhook,
            "AIRFLOW_CONN_HEARTBEAT": json.dumps(
                {"conn_type": "http", "host": f"{channel.base}/beat"}
            ),
        }

    def deliver(self, header: str, user: str = "ann", item: str = "tea") -> None:
        days = [f"2026-02-{day:02}" for day in range(1, 29)] + ["2026-03-08", "2026-03-09"]
        rows = [f"{user},purchase,{item},{day}T1{hour}:00:00Z" for day in days for hour in "012"]
        (self.folder / "events.csv").write_text("\n".join([header, *rows, ""]))
        (self.folder / "items.csv").write_text(_ITEMS)

    def ask(self, *words: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, list(words), env=self.environment)
        return result.exit_code, result.output

    def alerts(self, *words: str) -> list[dict[str, Any]]:
        code, text = self.ask("alerts", "--json", *words)
        assert code == 0, text
        found: list[dict[str, Any]] = json.loads(text)
        return found


@pytest.fixture
def channel() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.stop()


def test_a_failed_night_is_one_message_a_cause_and_a_good_one_ends_it(
    tmp_path: Path, channel: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(tmp_path, channel)
    for name, value in shop.environment.items():
        monkeypatch.setenv(name, value)
    run = ("run", "--as-of", "2026-03-10")
    with local_environment():
        for _ in range(2):
            shop.deliver("user_id,event,item_id,when")
            assert shop.ask(*run)[0] == 1
            assert len(channel.bodies) == 1
        (alert,) = shop.alerts()
        assert alert["kind"] == "SchemaError"
        assert alert["remedy"].endswith("then: recsys run --as-of 2026-03-10")
        assert "timestamp" in alert["message"]
        shop.deliver("user_id,event,item_id,timestamp", item="gin")  # unknown to the items table
        assert shop.ask(*run)[0] == 1
        assert [a["kind"] for a in shop.alerts()].count("ValidationFailed") == 1
        assert len(channel.bodies) == 2
        assert "ann" not in json.dumps(channel.bodies)
        shop.deliver("user_id,event,item_id,timestamp")
        assert "/beat" not in [path for path, _, _ in channel.received]
        code, text = shop.ask(*run)
        assert code == 0, text
        beats = [body for path, _, body in channel.received if path == "/beat"]
        assert beats == [{"as_of": "2026-03-10", "status": "published"}]
        assert not [a for a in shop.alerts() if a["kind"] in ("SchemaError", "ValidationFailed")]
