"""The weekly sweep on a real home: every kind has a rule, and nothing goes that a night to come
needs.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import sqlalchemy as sa
from pytest import MonkeyPatch
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.database import owner_url
from recsys_tasks.retention.plan import stored
from recsys_tasks.stages import Night, run_all, run_maintain_storage
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
