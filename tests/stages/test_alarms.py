"""What stages tell on-call without failing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys_tasks.config import Environment
from recsys_tasks.monitoring.alerts.spool import spool_of
from recsys_tasks.retrieval.embeddings import Embeddings, open_embeddings
from recsys_tasks.retrieval.index import tuning as _tuning
from recsys_tasks.retrieval.index.build import build_index
from recsys_tasks.retrieval.tower.versions import TowerVersion
from recsys_tasks.stages import extract, freeze
from recsys_tasks.stages.build_index import tell_of_recall
from recsys_tasks.stages.night import Night
from recsys_tasks.stages.train_two_tower import tell_of_control, tell_of_refresh
from tests.environments import environment_of
from tests.snapshot.shops import LiteralShop
from tests.worlds import make_config, make_snapshot

AS_OF = date(1970, 1, 2)


@pytest.fixture
def night(tmp_path: Path, postgres: Mapping[str, str]) -> Iterator[Night]:
    environment = Environment(
        home=tmp_path,
        lake=str(tmp_path / "lake"),
        database_url=postgres["recsys"],
        mlflow_url=None,
        config_path=tmp_path / "none",
    )
    opened = Night.open(
        make_config(index={"exact_below": 2000, "recall_floor": 1.0, "sample_users": 20}),
        environment,
        AS_OF,
    )
    yield opened
    opened.engine.dispose()


def noise(night: Night, items: int) -> Embeddings:
    """Items and users without any structure: no tree finds all neighbours."""
    rng = np.random.default_rng(0)
    with night.lake.writing("embeddings", f"noise{items}") as draft:
        for name, rows in (("item", items), ("user", 40)):
            vectors = rng.normal(size=(rows, 16)).astype(np.float32)
            np.save(
                draft.path / f"{name}_vectors.npy",
                vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
            )
            np.save(draft.path / f"{name}_keys.npy", np.arange(rows, dtype=np.int32))
    assert draft.artifact is not None
    return open_embeddings(draft.artifact)


def test_on_call_hears_once_that_exact_search_serves(
    night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        _tuning, "LEAF_SHARES", (0.1, 0.5)
    )  # all leaves would find everything among so few items
    events = pd.DataFrame({"user_id": ["u"], "item_id": ["i"], "ts": [0]})
    snapshot = make_snapshot(tmp_path / "lake", night.config, AS_OF, events)
    small = build_index(snapshot, noise(night, 1500), "small")
    tell_of_recall(night.on_call, small)  # exact by choice: nothing to tell
    assert spool_of(environment_of(tmp_path)).all() == []
    short = build_index(snapshot, noise(night, 2500), "short")
    for _ in range(2):
        tell_of_recall(night.on_call, short)
    ((alert, _),) = spool_of(environment_of(tmp_path)).all()
    assert (alert.kind, alert.severity, alert.as_of) == ("index_recall", "warning", "1970-01-02")
    assert (
        "2,500 items" in alert.message
        and "index recall@100 = 0." in alert.message
        and "bound 1" in alert.message
    )
    assert alert.runbook == "include/runbooks/index-recall.md"


def test_on_call_hears_of_rows_that_came_too_late(night: Night, tmp_path: Path) -> None:
    shop = LiteralShop(
        tmp_path, [(f"u{n}", "i", (day, n)) for day in range(1, 9) for n in range(30)]
    )
    shop.users, shop.items = [f"u{n}" for n in range(30)], ["i"]

    def freeze_on(day: int, **settings: object) -> None:
        shop.deliver()
        config = make_config(source=shop.config.source.model_dump(), clock="simulated", **settings)
        tonight = replace(night, config=config, as_of=date(2026, 1, day))
        extract.run(tonight)
        freeze.run(tonight)

    freeze_on(7)
    shop.rows.append(("u1", "i", (1, 900)))
    freeze_on(8, validation={"accepted_losses": ["2026-01-08"]})
    assert spool_of(environment_of(tmp_path)).all() == []
    shop.rows += [("u2", "i", (2, 900)), ("u3", "i", (3, 900))]
    for _ in range(2):
        freeze_on(9)
    ((alert, _),) = spool_of(environment_of(tmp_path)).all()
    assert (alert.kind, alert.severity, alert.as_of) == ("late_rows", "warning", "2026-01-09")
    assert (
        "2 rows of 2 days before the lookback" in alert.message
        and "7 days before this night" in alert.message
    )
    assert alert.runbook == "include/runbooks/late-rows.md"


def test_on_call_hears_of_a_check_that_warns_once_and_not_every_night(
    night: Night, tmp_path: Path
) -> None:
    """A bot has 300 of the first night's 500 rows, and most of each night's after it."""
    rows = [(f"u{n % 20}", f"i{n % 25}", (1, n)) for n in range(200)]
    shop = LiteralShop(tmp_path, rows, items=[f"i{n}" for n in range(25)])
    for day in (2, 3):
        shop.rows += [("bot", f"i{n % 25}", (day - 1, 300 + n)) for n in range(300)]
        shop.rows += [(f"u{n % 20}", f"i{n % 5}", (day - 1, 900 + n)) for n in range(60)]
        shop.deliver()
        settings = {"validation": {"volume_ratio": [0.1, 10]}, "clock": "simulated"}
        config = make_config(source=shop.config.source.model_dump(), **settings)
        tonight = replace(night, config=config, as_of=date(2026, 1, day))
        extract.run(tonight)
        freeze.run(tonight)
    ((alert, _),) = spool_of(environment_of(tmp_path)).all()
    assert (alert.kind, alert.as_of) == ("data_warning", "2026-01-02")
    assert "night.one_user" in alert.message
    assert "bot" not in alert.message


LOST = {
    "refresh_ok": True,
    "control_ok": False,
    "recall_before": 0.5,
    "recall_after": 0.4,
    "recall_cold": 0.6,
}


def version(night: Night, **changes: object) -> TowerVersion:
    """Tonight's, of whose ledger some figures are known."""
    with night.lake.writing("tower", f"abc-19691201.{night.tonight.learned_before}") as draft:
        (draft.path / "ledger.json").write_text("{}")
    assert draft.artifact is not None
    return TowerVersion(
        "abc-19691201", night.tonight.learned_before, draft.artifact, {**LOST, **changes}
    )


def test_on_call_hears_that_a_cold_control_found_more(night: Night, tmp_path: Path) -> None:
    # Nothing to tell: it held; it lost before tonight, when no control was trained; tonight's
    # version serves nobody.
    for quiet in ({"control_ok": True}, {"recall_cold": None}, {"refresh_ok": False}):
        tell_of_control(night.on_call, version(night, **quiet), 0.9)
    assert spool_of(environment_of(tmp_path)).all() == []
    tell_of_control(night.on_call, version(night), 0.9)
    ((alert, _),) = spool_of(environment_of(tmp_path)).all()
    assert (alert.kind, alert.severity, alert.as_of) == ("control", "warning", "1970-01-02")
    # The bound is nine tenths (control_floor) of what the cold one found: .54.
    assert (
        "lower recall than its cold control; the next night starts a new lineage" in alert.message
    )
    assert "held-back recall@100 = 0.4" in alert.message and "bound 0.54" in alert.message
    assert alert.runbook == "include/runbooks/tower-control.md"


def test_on_call_hears_that_the_version_before_serves(night: Night, tmp_path: Path) -> None:
    tonight = night.tonight.learned_before
    tell_of_refresh(
        night.on_call, version(night), 0.85, tonight
    )  # above its floor: nothing to tell
    assert spool_of(environment_of(tmp_path)).all() == []
    tell_of_refresh(night.on_call, version(night, refresh_ok=False), 0.85, tonight)
    ((alert, _),) = spool_of(environment_of(tmp_path)).all()
    assert alert.kind == "refresh"
    # The bound is .85 (refresh_floor) of what the version before found: .425.
    assert "held-back recall@100 = 0.4" in alert.message and "bound 0.425" in alert.message
    assert "which serves instead" in alert.message
