from __future__ import annotations

import pytest

from recsys_tasks.launcher.__main__ import main


def test_a_date_that_is_none_is_refused_before_airflow_starts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["nights", "2026-02-13", "2026-2-14"]) == 1
    assert (
        "expected: a date that exists" in (said := capsys.readouterr().out)
        and "'2026-2-14'" in said
    )
