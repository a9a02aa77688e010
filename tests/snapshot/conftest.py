"""What several tests of a night share."""

from __future__ import annotations

import pytest

from recsys_tasks.snapshot.checks import validate as validation
from recsys_tasks.snapshot.checks.frames import NightRows
from recsys_tasks.snapshot.checks.results import ValidationReport


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks that pass without Great Expectations (a second each): these tests are about what
    follows them.
    """

    def passed(config: object, night: NightRows, now: object, docs: object) -> ValidationReport:
        return ValidationReport(night.as_of, night.days, night.events.num_rows, ())

    monkeypatch.setattr(validation, "validate", passed)
