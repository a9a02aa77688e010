"""A night that goes on after another process erased somebody."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pandas as pd

from recsys_tasks.config import Environment
from recsys_tasks.stages.night import Night
from tests.worlds import make_config, make_snapshot

AS_OF = date(2026, 1, 11)


def test_a_stage_after_an_erasure_reads_the_snapshot_as_it_is_now(
    postgres: Mapping[str, str], tmp_path: Path
) -> None:
    """`recsys run` keeps one night open over all stages; another process may erase somebody between
    two of them.
    """
    environment = Environment(
        home=tmp_path,
        lake=str(tmp_path / "lake"),
        database_url=postgres["recsys"],
        mlflow_url=None,
        config_path=tmp_path / "none",
    )
    night = Night.open(make_config(), environment, AS_OF)
    events = pd.DataFrame(
        [("ann", "i1", 1, "purchase"), ("bob", "i1", 2, "purchase")],
        columns=["user_id", "item_id", "ts", "event"],
    )
    make_snapshot(tmp_path / "lake", night.config, AS_OF, events)
    before = night.snapshot.artifact
    with night.lake.revising(before, {"at": "2026-01-11"}):
        pass
    assert not before.path.joinpath("users.parquet").exists()
    night.forget_what_was_replaced()
    assert night.snapshot.artifact.revision == 1 and len(night.snapshot.users) == 2
    night.engine.dispose()
