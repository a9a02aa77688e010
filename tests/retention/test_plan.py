"""Retention: what is needed stays, for a reason that is said; the rest goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from recsys_tasks.clock import Timeline, start_of
from recsys_tasks.errors import ArtifactError
from recsys_tasks.lake import Lake
from recsys_tasks.retention.plan import (
    InUse,
    RetentionPlan,
    Stored,
    apply,
    plan_retention,
    snapshot_parts,
    stored,
)
from recsys_tasks.snapshot.dataset import open_snapshot
from tests.worlds import make_config, make_snapshot

NIGHT = date(2026, 3, 10)


def of(*names: str) -> list[Stored]:
    split = [name.split("/") for name in names]
    return [Stored(kind, key, version) for kind, key, version in split]


def kept(plan: RetentionPlan) -> dict[str, str]:
    return {choice.artifact.reference: choice.why for choice in plan.keep}


def test_each_kind_by_its_rule() -> None:
    artifacts = of(
        "ids/users/1",
        "ids/users/2",
        "events/2020-01-01/1",
        "snapshot/2026-03-10/1",
        "snapshot/2026-03-08/1",
        "features/2026-03-09_2026-03-10/1",
        "features/2026-02-01_2026-02-01/1",
        "release/r20251201-aa/1",
        "release/r20251202-bb/1",
        "release/r20260310-cc/1",
        "lists/2025-12-24-p7.0/1",
        "lists/2025-12-23-p6.3/1",
        "plan/2026-03-10/1",
        "plan/2025-12-24/1",
        "plan/2025-12-23/1",
        "erased/users/1",
        "embeddings/abc.2026-03-10@2026-03-10/1",
        "embeddings/old.2026-03-10@2026-03-10/1",
        "mystery/x/1",
    )
    in_use = InUse(
        NIGHT,
        nights=2,
        releases={"r20251201-aa": "champion"},
        lineages={"abc": "champion's lineage"},
        ran=frozenset({NIGHT, date(2026, 3, 9)}),
        publications={"2025-12-24-p7": "readers see it"},
    )
    found = kept(plan_retention(artifacts, in_use))
    assert found == {
        "ids/users/2": "the record is kept",
        "events/2020-01-01/1": "the record is kept",
        "snapshot/2026-03-10/1": "one of the last 2 nights",
        "plan/2026-03-10/1": "one of the last 2 nights",
        "plan/2025-12-24/1": "a publication of its night is kept",
        "erased/users/1": "the record is kept",
        "features/2026-03-09_2026-03-10/1": "one of the last 2 nights",
        "release/r20251201-aa/1": "champion",
        "release/r20260310-cc/1": "a challenger of the last 2 nights",
        "lists/2025-12-24-p7.0/1": "readers see it",
        "embeddings/abc.2026-03-10@2026-03-10/1": "one of the last 2 nights",
        "mystery/x/1": "unknown to the retention rules",
    }


def test_snapshots_stay_as_long_as_a_gate_looks_back() -> None:
    """They alone say what was on offer at its cutoffs, with windows of 7 days: tonight's oldest, if
    rerun, is 02-10.
    """
    nights = of(
        *(f"snapshot/2026-{day}/1" for day in ("02-09", "02-10", "03-09")), "index/2026-02-10/1"
    )
    ran = frozenset({NIGHT, date(2026, 3, 9)})
    assert kept(plan_retention(nights, InUse(NIGHT, nights=2, ran=ran, gate_days=(3 + 1) * 7))) == {
        "snapshot/2026-02-10/1": "a gate looks back 28 days",
        "snapshot/2026-03-09/1": "one of the last 2 nights",
    }


def test_nights_are_counted_not_days() -> None:
    """The shop stood still for half a year: its last two nights are still the last two, and what
    they need stays.
    """
    nights = [date(2026, 3, 1), date(2026, 3, 2), NIGHT]
    lake = [
        Stored(kind, night.isoformat(), "1")
        for night in nights
        for kind in ("index", "snapshot", "plan")
    ]
    for ran in (
        frozenset(nights),
        frozenset({*nights, date(2062, 1, 1)}),
    ):  # a mistyped night makes none of them old
        found = kept(plan_retention(lake, InUse(NIGHT, nights=2, ran=ran)))
        assert sorted(found) == sorted(
            f"{k}/{n}/1" for n in nights[1:] for k in ("index", "snapshot", "plan")
        )
    found = kept(
        plan_retention(
            lake, InUse(NIGHT, nights=1, ran=frozenset(nights), busy=frozenset({nights[0]}))
        )
    )
    assert found["index/2026-03-01/1"] == "its night was at work of late"
    assert "index/2026-03-02/1" not in found


def test_every_artifact_is_decided_once_and_removals_say_why() -> None:
    artifacts = of("events/2026-03-01/1", "events/2026-03-01/2", "index/2026-01-01/1")
    plan = plan_retention(artifacts, InUse(NIGHT, nights=2))
    assert {c.artifact.reference: c.why for c in plan.remove} == {
        "events/2026-03-01/1": "a newer version replaced it",
        "index/2026-01-01/1": "nothing needs it",
    }
    assert len(plan.keep) + len(plan.remove) == len(artifacts)


def test_a_reference_keeps_an_older_version() -> None:
    in_use = InUse(
        NIGHT, nights=2, references={"events/2026-03-01/1": "part of the snapshot of 2026-03-09"}
    )
    found = kept(plan_retention(of("events/2026-03-01/1", "events/2026-03-01/2"), in_use))
    assert found["events/2026-03-01/1"] == "part of the snapshot of 2026-03-09" and len(found) == 2


@pytest.mark.parametrize("every", [1, 3])
def test_no_gate_of_a_hundred_nights_misses_a_tower(every: int) -> None:
    # a version each `every` nights; retention runs every night; each gate must find the very
    # version that it would have found had nothing ever been removed
    first = date(2026, 1, 1)
    made: list[date] = []
    left: list[date] = []
    for day in range(100):
        night = first + timedelta(days=day)
        if day % every == 0:
            made.append(night)
            left.append(night)
        timeline = Timeline.for_night(night, 7, 3, first, 0)
        for cutoff in (night, timeline.gate_cutoff, *timeline.label_cutoffs):
            if cutoff >= first:
                assert max(d for d in left if d <= cutoff) == max(d for d in made if d <= cutoff)
        in_use = InUse(night, 2, gate_days=(3 + 1) * 7, lineages={"abc": "champion"})
        plan = plan_retention([Stored("tower", f"abc.{d}", "1") for d in left], in_use)
        left = [date.fromisoformat(c.artifact.key.split(".")[1]) for c in plan.keep]
    assert len(left) <= 28 / every + 3  # and the lake does not grow for ever


def test_replaced_days_of_a_kept_snapshot_stay(tmp_path: Path) -> None:
    # day 5 March gets a late row between the nights of the 9th and the 10th: both versions are in
    # use
    early = [("u", "i", start_of(date(2026, 3, 5)))]
    late = [*early, ("u", "j", start_of(date(2026, 3, 5)) + 60)]
    for night, rows in (("2026-03-09", early), ("2026-03-10", late)):
        frame = pd.DataFrame(rows, columns=["user_id", "item_id", "ts"])
        make_snapshot(tmp_path, make_config(), night, frame)
    lake, in_use = Lake(tmp_path), InUse(NIGHT, nights=2, ran=frozenset({NIGHT, date(2026, 3, 9)}))
    plan = plan_retention(stored(lake), replace(in_use, references=snapshot_parts(lake, in_use)))
    apply(lake, plan)
    for day, rows_then in ((9, 1), (10, 2)):
        assert len(open_snapshot(make_config(), lake, date(2026, 3, day)).events()) == rows_then


def test_towers_of_a_lineage_that_nothing_uses_go() -> None:
    plan = plan_retention(
        of("tower/old.2026-03-09/1"), InUse(NIGHT, 2, lineages={"abc": "champion"})
    )
    assert not plan.keep


def test_apply_on_a_real_lake(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for key in ("2026-01-01", "2026-03-10"):
        with lake.writing("index", key) as draft:
            (draft.path / "data").write_bytes(b"1234")
    plan = plan_retention(stored(lake), InUse(NIGHT, nights=2))
    assert plan.bytes_to_free == 4
    (gone,) = apply(lake, plan)
    assert gone.startswith("index/2026-01-01/") and apply(lake, plan) == []
    assert lake.keys("index") == ["2026-03-10"]
    with pytest.raises(ArtifactError):
        lake.get(gone)
