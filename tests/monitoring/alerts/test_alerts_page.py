"""The alerts of docs/operations/alerts.md have the form that alerts have, and lead somewhere."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from recsys_tasks.config.environment import PROJECT_ROOT
from recsys_tasks.monitoring.alarms import ALARMS, kind_of
from recsys_tasks.monitoring.alerts.alert import Alert, as_text

PAGE = PROJECT_ROOT / "docs" / "operations" / "alerts.md"
BLOCKS = re.findall(r"^```text\n(.*?)\n```$", PAGE.read_text(), flags=re.M | re.S)
EMPTY = Alert("", "", "", "", "", "", "critical", "", "", "", "")


def test_there_are_six() -> None:
    assert len(BLOCKS) == 6


@pytest.mark.parametrize("block", BLOCKS)
def test_an_alert_of_the_page_is_one_that_the_program_would_write(block: str) -> None:
    found = re.fullmatch(
        r"\[(\w+)\] (.*)\nreaders: (.*)\nto do: (.*)\nrunbook: (.*)", block, flags=re.S
    )
    assert found is not None
    severity, message, readers, remedy, runbook = found.groups()
    alert = replace(EMPTY, message=message, reader_state=readers, remedy=remedy, runbook=runbook)
    assert as_text(alert) == block
    named = re.search(r"\((\w+)\)$", message.splitlines()[0])
    kind = kind_of(named[1]) if named else next(k for k in ALARMS if k.name == "paused")
    assert (severity, runbook) == (kind.severity, f"include/runbooks/{kind.runbook}")
    assert (PROJECT_ROOT / runbook).is_file()
