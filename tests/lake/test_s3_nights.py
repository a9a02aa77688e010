"""Two whole nights on a lake in an object store: every stage runs, and no list differs by a bit
from those of a lake in a folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path

import fsspec
import pytest
import yaml

from recsys_tasks.config import load_config
from recsys_tasks.database import create_engine, urls
from recsys_tasks.stages import local_environment
from recsys_tasks.stages.pipeline import STAGES
from tests.lists_hash import lists_hashes
from tests.object_store import s3_server, variables
from tests.stages.finished_nights import shop_of
from tests.stages.shop_nights import FIRST_NIGHT, SECOND_NIGHT, SETTINGS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

SMALL = {
    "source": {"kind": "shop", "seed": 3, "users": 300, "items": 120, "first_day": "2026-01-12"},
    "index": {"exact_below": 1000},
    "two_tower": {"dimensions": 16, "epochs": 1, "batch_size": 256, "history_length": 10},
    "ranker": {"windows": 1, "light_trees": 5, "heavy_trees": 5, "min_leaf_rows": 20},
    "gate": {"min_users": 20},
}


@pytest.fixture(scope="module")
def stored() -> Iterator[Mapping[str, str]]:
    """Variables of an object store with an empty bucket."""
    with s3_server() as url, pytest.MonkeyPatch.context() as patch:
        for name, value in variables(url).items():
            patch.setenv(name, value)
        fsspec.filesystem("s3", skip_instance_cache=True).mkdir("bucket")
        yield variables(url)


def two_nights(folder: Path, lake: str) -> tuple[str, Mapping[date, str]]:
    """What two nights of `recsys run` say, and the hashes of their lists."""
    settings, home = folder / "recsys.yaml", folder / "home"
    settings.parent.mkdir()
    settings.write_text(yaml.safe_dump({**SETTINGS, **SMALL}))
    shop_of(load_config(settings), home).simulate(SECOND_NIGHT + timedelta(days=1))
    environment = {**os.environ, "RECSYS_HOME": str(home), "RECSYS_CONFIG": str(settings)}
    environment |= {"RECSYS_LAKE": lake, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    said = ""
    with local_environment(home):
        for night in (FIRST_NIGHT, SECOND_NIGHT):
            command = [sys.executable, "-m", "recsys_tasks.cli", "run", "--as-of", f"{night}"]
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            said += done.stdout
        engine = create_engine(urls(home)["recsys"])
        try:
            return said, lists_hashes(engine)
        finally:
            engine.dispose()


def test_lists_of_a_lake_on_s3_are_those_of_a_local_one(
    tmp_path: Path, stored: Mapping[str, str]
) -> None:
    said, far = two_nights(tmp_path / "far", "s3://bucket/some/prefix")
    _, near = two_nights(tmp_path / "near", str(tmp_path / "near" / "lake"))
    assert far == near and list(far) == [FIRST_NIGHT, SECOND_NIGHT]
    for stage in STAGES:
        assert said.count(f" {stage.name}") >= 2, stage.name
    assert not (tmp_path / "far" / "home" / "lake").exists()
    kept = fsspec.filesystem("s3", skip_instance_cache=True).find("bucket")
    assert all(name.startswith("bucket/some/prefix/") for name in kept)
    assert not list((tmp_path / "far" / "home" / "lake-cache" / ".drafts").iterdir())
