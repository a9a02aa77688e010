"""Files of the lake that changed after they were written: no list is made of them, and each can be
made again.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.commands.erase_user import Request, erase_user
from recsys_tasks.commands.verify import verify
from recsys_tasks.errors import ArtifactError
from recsys_tasks.stages import Night, run_all, run_on
from tests.stages.shop_nights import rows


def seen(night: Night) -> pd.DataFrame:
    query = (
        "SELECT user_id, rank, item_id, publication_id FROM recsys.recommendations ORDER BY"
        " user_id, rank"
    )
    return rows(night, query)


def test_vectors_of_noise_are_not_published_and_are_made_again(night: Night) -> None:
    before = seen(night)
    (key,) = [k for k in night.lake.keys("embeddings") if k.endswith(f"@{night.as_of}")]
    path = night.lake.require("embeddings", key).file("item_vectors.npy")
    vectors = np.load(path)
    np.save(path, np.random.default_rng(0).normal(size=vectors.shape).astype(vectors.dtype))
    for stage, shard in (("prepare_publication", None), ("precompute_shard", 0)):
        with pytest.raises(ArtifactError) as caught:
            run_on(night, stage, shard)
        assert (
            caught.value.where == str(path) and "recsys verify --set-aside" in caught.value.remedy
        )
    pd.testing.assert_frame_equal(seen(night), before)

    (found,) = verify(night.environment)
    assert found.damaged.kind == "embeddings" and found.aside is None
    (found,) = verify(night.environment, set_aside=True)
    assert found.aside is not None and (found.aside / "item_vectors.npy").exists()
    assert verify(night.environment) == [] and f"recsys run --as-of {night.as_of}" in found.remedy
    assert list(run_all(night))
    np.testing.assert_array_equal(
        np.load(night.lake.require("embeddings", key).file("item_vectors.npy")), vectors
    )
    pd.testing.assert_frame_equal(seen(night), before)


@pytest.mark.parametrize("kind", ["raw_events", "events"])
def test_a_damaged_day_is_named_read_again_and_its_snapshot_is_as_before(
    night: Night, kind: str
) -> None:
    before = Night(night.config, night.environment, night.as_of, night.now).snapshot
    rows_before = (before.users, before.items, before.events())
    day = night.lake.require(kind, "2026-01-20")
    with (day.path / "events.parquet").open("r+b") as file:
        file.truncate(100)
    if kind == "events":
        with pytest.raises(ArtifactError, match="100 bytes instead of"):
            before.events()
    (found,) = verify(night.environment, set_aside=True)
    assert "2026-01-20" in found.remedy and not night.lake.has([day.reference])
    assert run_on(night, "extract").artifact != "" and run_on(night, "freeze").rows
    after = Night(night.config, night.environment, night.as_of, night.now).snapshot
    pd.testing.assert_frame_equal(after.users, rows_before[0])
    pd.testing.assert_frame_equal(after.items, rows_before[1])
    for name in ("user", "item", "ts"):
        np.testing.assert_array_equal(getattr(after.events(), name), getattr(rows_before[2], name))
    assert night.lake.has([day.reference])  # snapshots of earlier nights name it, too


def test_a_broken_manifest_stops_the_night_by_name(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = night.lake.require("index", night.as_of.isoformat())
    manifest = index.path / "manifest.json"
    whole = manifest.read_text()
    manifest.write_text(whole[: len(whole) // 2])
    with pytest.raises(ArtifactError) as caught:
        run_on(night, "prepare_publication")
    assert caught.value.where == str(manifest)
    for name, value in (
        ("HOME", night.environment.home),
        ("CONFIG", night.environment.config_path),
    ):
        monkeypatch.setenv(f"RECSYS_{name}", str(value))
    told = CliRunner().invoke(app, ["verify", "--set-aside"], env={"COLUMNS": "400"})
    assert (
        told.exit_code == 1 and str(manifest) in told.output and "recsys run --as-of" in told.output
    )
    assert not run_on(night, "build_index").reused
    told = CliRunner().invoke(app, ["verify"], env={"COLUMNS": "400"})
    assert told.exit_code == 0 and "every artifact is what was written" in told.output
    before = seen(night)
    assert list(
        run_all(night)
    )  # an index built anew may be another one, and its lists another publication's
    assert set(seen(night).user_id) == set(before.user_id)


def test_ids_are_never_set_aside_and_an_erasure_removes_what_was(night: Night) -> None:
    path = Path(night.lake.require("ids", "users").path) / "ids.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    (found,) = verify(night.environment, set_aside=True)
    assert found.aside is None and "recsys repair-ids" in found.remedy
    path.write_bytes(whole)
    aside = night.environment.home / "damaged"
    aside.mkdir(exist_ok=True)
    (aside / "left.txt").write_text("anybody")
    user = rows(night, "SELECT min(user_id) AS u FROM recsys.users").u[0]
    erase_user(night.environment, Request(user, "test", "asked", night.now))
    assert not aside.exists()
