"""`recsys doctor --deep` and `repair-ids` on lakes whose keys clashed: by real freezes at once, as
it was before.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys_tasks.commands.key_check import examine_keys
from recsys_tasks.commands.repair_ids import mend, rebuild
from recsys_tasks.errors import ArtifactError
from recsys_tasks.ids import extend_ids, read_ids
from recsys_tasks.lake import Lake
from recsys_tasks.snapshot.checks import validate as validation
from recsys_tasks.snapshot.freeze import freeze
from tests.freezing import NIGHTS, deliver, freeze_unlocked, night_config, passed, together

KNOWN, NEW = 500, 40


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        validation, "validate", passed
    )  # seconds of checks that are not what this is about


@pytest.fixture
def clashed(tmp_path: Path) -> Path:
    """A home whose two nights were frozen at once before maps had slots: one of them has keys of
    others.
    """
    known = [f"u{k:04d}" for k in range(KNOWN)]
    for number, night in enumerate(NIGHTS):
        deliver(tmp_path, night, known + [f"new{number}-{k:03d}" for k in range(NEW)])
    extend_ids(Lake(tmp_path / "lake"), "users", known)
    together(freeze_unlocked, [(tmp_path, [night]) for night in NIGHTS])
    return tmp_path


@pytest.mark.usefixtures("unchecked")
def test_a_clash_is_found_stops_the_next_night_and_is_mended(clashed: Path) -> None:
    lake = Lake(clashed / "lake")
    damage = examine_keys(lake)
    newest = lake.require("ids", "users")
    assert [artifact.version < newest.version for artifact in damage.maps] == [True]
    assert f"{NEW} keys changed their user, {NEW} ids have no key any more" in damage.words[0]
    kinds = sorted(artifact.kind for artifact in damage.artifacts)
    assert kinds == ["events", "snapshot"]  # those of the night that lost, and not the other's
    (lost,) = damage.nights
    names = pq.read_table(lake.require("snapshot", lost).file("users.parquet"))[
        "user_id"
    ].to_pylist()
    assert set(names) - set(read_ids_unverified(lake)) != set()
    assert rebuild(damage) == [f"recsys run --as-of {lost}"]

    before = {artifact.reference for artifact in lake.versions("ids", "users")}
    with pytest.raises(ArtifactError, match="recsys doctor --deep"):
        extend_ids(lake, "users", ["somebody-new"])
    assert {artifact.reference for artifact in lake.versions("ids", "users")} == before

    assert mend(lake) == damage
    assert examine_keys(lake).is_none
    for night in NIGHTS:
        now = datetime(night.year, night.month, night.day, 1, tzinfo=UTC)
        freeze(night_config(clashed, night), lake, night, now)
    assert examine_keys(lake).is_none
    everybody = read_ids(lake, "users").ids
    assert len(everybody) == len(set(everybody)) == KNOWN + 2 * NEW
    assert everybody[: newest.rows] == tuple(
        pq.read_table(newest.file("ids.parquet"))["id"].to_pylist()
    )


def read_ids_unverified(lake: Lake) -> list[str]:
    ids: list[str] = pq.read_table(lake.require("ids", "users").file("ids.parquet"))[
        "id"
    ].to_pylist()
    return ids


@pytest.fixture
def frozen(tmp_path: Path, unchecked: None) -> Path:
    """A healthy home of two nights, one after the other."""
    from recsys_tasks.snapshot.extract import extract
    from recsys_tasks.sources.base import open_source

    for number, night in enumerate(NIGHTS):
        deliver(tmp_path, night, [f"u{k:04d}" for k in range(KNOWN + number * NEW)])
        config, now = (
            night_config(tmp_path, night),
            datetime(night.year, night.month, night.day, 1, tzinfo=UTC),
        )
        extract(config, Lake(tmp_path / "lake"), open_source(config, tmp_path), night, now)
        freeze(config, Lake(tmp_path / "lake"), night, now)
    return tmp_path


def test_a_healthy_home_is_called_healthy_and_left_alone(frozen: Path) -> None:
    lake = Lake(frozen / "lake")
    files = sorted(path for path in frozen.rglob("*") if path.is_file())
    damage = examine_keys(lake)
    assert damage.is_none and damage.words == ()
    assert mend(lake).is_none
    assert sorted(path for path in frozen.rglob("*") if path.is_file()) == files


@pytest.mark.parametrize("hurt", ["cut", "two swapped"])
def test_a_broken_map_is_named_and_made_again_from_the_snapshots(frozen: Path, hurt: str) -> None:
    lake = Lake(frozen / "lake")
    whole = read_ids(lake, "users").ids
    path = lake.require("ids", "users").file("ids.parquet")
    if hurt == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        pq.write_table(pa.table({"id": [whole[1], whole[0], *whole[2:]]}), path)
    with pytest.raises(ArtifactError, match="recsys repair-ids") as error:
        read_ids(lake, "users")
    assert str(path) in str(error.value)
    assert examine_keys(lake).unreadable == ("users",)
    mend(lake)
    assert read_ids(lake, "users").ids == whole
    assert examine_keys(lake).is_none
