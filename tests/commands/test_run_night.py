"""What `recsys run` prints."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from recsys_tasks.commands import run_night as module
from recsys_tasks.progress import Progress
from recsys_tasks.stages import STAGES, StageResult

NIGHT_OF = date(2026, 3, 1)
PAGE = "/lake/report/2026-03-01/000001-abc/report.html"


def stages(night: Any, before: Callable[[str], None]) -> Iterator[StageResult]:
    for name, figures in (("extract", {}), ("report", {"page": PAGE})):
        before(name)
        Progress("days", 1, "days").advance()
        yield StageResult(name, NIGHT_OF, f"{name}/k/1", 12_345, 1.5, figures)


@pytest.mark.parametrize("terminal", [True, False])
def test_each_stage_has_its_place_and_the_end_names_the_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], terminal: bool
) -> None:
    monkeypatch.setattr(module, "run_all", stages)
    night: Any = SimpleNamespace(config=SimpleNamespace(serving=SimpleNamespace(shards=3)))
    output = io.StringIO()
    module.run_night(night, Console(file=output, width=200), terminal=terminal)
    lines = output.getvalue().splitlines()
    places = [line for line in lines if line.startswith("[")]
    of = len(STAGES) + 2
    assert [place.split()[0] for place in places] == [f"[1/{of}]", f"[2/{of}]"]
    assert "2026-03-01 extract: 12345 rows, 1.5 s" in places[0]
    assert f"report: {PAGE}" in lines and lines[-1].startswith("done: 2 stages in ")
    logged = capsys.readouterr().err
    assert ("days: 1 of 1 days" in logged) is not terminal
    assert not logging.getLogger("recsys_tasks").handlers
