"""Generators as an extension point: their bits, one file less, and declarations that are wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from recsys_tasks import schema
from recsys_tasks.config.generators import GENERATORS
from recsys_tasks.errors import ConfigError
from recsys_tasks.extensions import Found
from recsys_tasks.retrieval.generators import Generator

ROOT = Path(__file__).parents[3]
WITHOUT_OWN_HISTORY = """
from datetime import date
from pathlib import Path
import sys
import numpy as np
import pandas as pd
from recsys_tasks import schema
from recsys_tasks.clock import Cutoffs, start_of
from recsys_tasks.ranking.lists import reasons, recommender
from recsys_tasks.retrieval.candidates.source import open_candidate_source
from recsys_tasks.retrieval.candidates.tables import build_generators
from tests.worlds import make_config, make_snapshot

day = date(2026, 3, 1)
rows = pd.DataFrame({"user_id": ["u", "v", "v"], "item_id": ["a", "a", "b"]})
snapshot = make_snapshot(
    Path(sys.argv[1]), make_config(), day, rows.assign(ts=start_of(day) - 86400 * np.arange(1, 4))
)
cutoffs = Cutoffs.at(day)
source = open_candidate_source(snapshot, cutoffs, build_generators(snapshot, cutoffs), None, None)
block = source.block(np.array([0], np.int32))
assert "own_history" not in type(snapshot.config.generators).model_fields
print(*schema.generator_names(), schema.all_sources(), sorted(block.items[0, :2].tolist()))
"""


def test_built_in_generators_keep_the_bits_that_stored_lists_have() -> None:
    assert {f.extension.name: f.extension.bit for f in GENERATORS.built_in()} == {
        "two_tower": 0,
        "covisitation": 1,
        "own_history": 2,
        "segment_popular": 3,
        "trending": 4,
        "fresh": 5,
    }


def test_deleting_a_generators_file_leaves_the_others_running(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "recsys_tasks",
        tmp_path / "recsys_tasks",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (tmp_path / "recsys_tasks/retrieval/generators/own_history.py").unlink()
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_OWN_HISTORY, str(tmp_path / "lake")],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # Bits stay what they were: all but that of own_history, 4.
    names = "two_tower covisitation segment_popular trending fresh"
    assert done.stdout.strip() == f"{names} {63 - 4} [0, 1]"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bit": 3}, "a bit of 8 to 14, a bit that no other generator has"),
        ({"bit": 15}, "a bit of 8 to 14"),
        ({"name": "editors-picks"}, "a name of a-z, 0-9 and _"),
        ({"reason": "because"}, "a reason of for_you, because_of"),
    ],
)
def test_an_installed_generator_that_cannot_be_stored_is_refused(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, object], words: str
) -> None:
    class Picks(Generator):
        name, description, bit, reason, quota = "picks", "Picks.", 8, "promoted", 5

    picks = Picks()  # type: ignore[abstract]  # refused before anything is asked of it
    for name, value in change.items():
        setattr(picks, name, value)
    found = {**GENERATORS.found, picks.name: Found(picks, __name__, "picks 1.0")}
    monkeypatch.setitem(vars(GENERATORS), "found", found)
    with pytest.raises(ConfigError) as refused:
        schema.generators.__wrapped__()
    assert words in str(refused.value) and "picks 1.0" in str(refused.value)
