"""The channel of docs/extending.md, from its package to the pager."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recsys_tasks.config import AlertsConfig
from recsys_tasks.errors import ConfigError
from recsys_tasks.extensions import ExtensionPoint
from recsys_tasks.monitoring.alerts.channels import CHANNELS, Connection, open_channels
from recsys_tasks.monitoring.alerts.delivery import deliver
from recsys_tasks.monitoring.alerts.spool import Spool
from tests.airflow.recorder import Recorder
from tests.guide import installed
from tests.monitoring.alerts.channels.test_channels import Known
from tests.monitoring.alerts.test_alert import NOW, an_alert


def test_the_channel_of_the_guide_takes_what_is_critical(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pager = Recorder()

    def connection_of(name: str) -> Connection | None:
        return Known(f"{pager.base}/hook", "k3y") if name == "my_pager" else None

    spool = Spool(tmp_path / "spool")
    spool.add(an_alert())
    spool.add(an_alert(incident="another", severity="warning"))
    try:
        with installed("Alert channel", CHANNELS, tmp_path / "site", monkeypatch) as name:
            senders, unknown = open_channels(AlertsConfig(), connection_of)
            assert (list(senders), unknown) == ([name], [])
            line = deliver(spool, senders, None, now=NOW)
    finally:
        pager.stop()
    assert line == "2 alert(s) sent"
    (body,) = pager.bodies
    assert (body["key"], body["event"], body["kind"]) == ("k3y", "open", "ServingError")
    assert open_channels(AlertsConfig(), connection_of) == ({}, [])  # uninstalled


def test_a_package_that_cannot_be_loaded_silences_no_channel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(point: ExtensionPoint[Any]) -> None:
        raise ConfigError(expected="-", found="-", where="-", remedy="-")

    monkeypatch.setattr(ExtensionPoint, "__iter__", refuse)
    senders, unknown = open_channels(AlertsConfig(), lambda name: Known("a.example", "T/B/X"))
    assert (sorted(senders), unknown) == (["pagerduty", "slack", "teams", "webhook"], [])
