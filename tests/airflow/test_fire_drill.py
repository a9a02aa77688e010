"""The weekly drill: a test through each channel, an alert where one does not take it."""

from __future__ import annotations

from pathlib import Path

import pytest
from recsys_drill import hold_drill

from tests.airflow.recorder import Recorder


def test_a_channel_that_refuses_the_test_is_told_to_the_others_once_until_it_takes_it(
    home: Path, webhook: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack = Recorder()
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_ALERTS", slack.as_slack)
    try:
        assert hold_drill().startswith("slack: accepted; webhook: accepted; 0 alert(s) sent")
        slack.answers += [404] * 6  # the test and the alert, three times
        for _ in range(3):
            assert "slack: refused: ConnectionError: HTTP 404" in hold_drill()
        drills = [body for body in webhook.bodies if body["kind"] == "drill"]
        (alert,) = (body for body in webhook.bodies if body["kind"] != "drill")
        assert len(drills) == 4 and alert["kind"] == "channel_refused"
        assert "the alert channel slack did not take a test message" in alert["message"]
        assert alert["remedy"].endswith("; then: airflow dags trigger fire_drill")
        assert alert["runbook"].endswith("channel-refused.md")
        slack.answers.clear()
        hold_drill()
        assert webhook.bodies[-1]["status"] == "resolved"
        assert webhook.bodies[-1]["incident"] == alert["incident"]
    finally:
        slack.stop()


def test_a_drill_without_a_channel_says_so(home: Path) -> None:
    assert hold_drill().startswith("no channel is configured; 0 alert(s) sent")
