"""The weekly sweep on a real home: every kind has a rule, and nothing goes that a night to come
needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import sqlalchemy as sa
from pytest import MonkeyPatch
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.database import owner_url
from recsys_tasks.retention.plan import stored
from recsys_tasks.stages import Night, run_all, run_maintain_storage
from recsys_tasks.stages.sweep import at_work_of_late
from tests.stages.shop_nights import rows

LATER = datetime(2027, 6, 1, tzinfo=UTC)


def test_a_sweep_long_after_the_last_night_removes_nothing_that_is_in_use(
    night: Night, monkeypatch: MonkeyPatch
) -> None:
    """By today's date the simulated shop's nights are long past, and nobody was at work for
    weeks.
    """
    before = {a.reference for a in stored(night.lake)}
    kinds = {reference.split("/")[0] for reference in before}
    assert kinds >= {"raw_events", "events", "snapshot", "tower", "release", "plan", "lists"}
    owner = sa.create_engine(owner_url(night.environment))
    with owner.begin() as connection:
        connection.execute(
            sa.text("UPDATE recsys.stage_runs SET finished_at = finished_at - interval '30 days'")
        )
    owner.dispose()
    seen = rows(night, "SELECT * FROM recsys.recommendation_lists ORDER BY user_id")
    for name, value in (
        ("HOME", night.environment.home),
        ("CONFIG", night.environment.home.parent / "recsys.yaml"),
    ):
        monkeypatch.setenv(f"RECSYS_{name}", str(Path(value)))
    run_maintain_storage(LATER)
    again = CliRunner().invoke(app, ["maintain"])  # which leaves what the first sweep left
    assert (again.exit_code, again.output[:22]) == (0, "dropped 0 publications"), again.output
    gone = before - {a.reference for a in stored(night.lake)}
    newest: dict[tuple[str, ...], str] = {}
    for reference in sorted(before):
        newest[tuple(reference.split("/")[:2])] = reference
    assert not gone & set(newest.values())
    assert list(run_all(night))
    pd.testing.assert_frame_equal(
        rows(night, "SELECT * FROM recsys.recommendation_lists ORDER BY user_id"), seen
    )


def test_nights_of_a_simulated_shop_are_old_though_all_ran_today(
    postgres: Mapping[str, str],
) -> None:
    """Nine nights within seconds, the first of them once more at the end."""
    engine, nights = sa.create_engine(postgres["recsys_owner"]), range(1, 10)
    with engine.begin() as connection:
        for second, day in enumerate([*nights, 1]):  # later than what other tests left
            connection.execute(
                sa.text(
                    "INSERT INTO recsys.stage_runs (as_of, stage, seconds, rows, figures,"
                    " finished_at) VALUES (:night, 'embed', 1, 1, '{}',"
                    " now() + interval '1 hour' + :second * interval '1 second')"
                ),
                {"night": date(2031, 3, day), "second": second},
            )
    try:
        assert at_work_of_late(engine, simulated=True) == {date(2031, 3, d) for d in (1, 8, 9)}
        assert at_work_of_late(engine, simulated=False) >= {date(2031, 3, d) for d in nights}
    finally:
        with engine.begin() as connection:
            connection.execute(
                sa.text("DELETE FROM recsys.stage_run_rows WHERE as_of > '2031-01-01'")
            )
        engine.dispose()
