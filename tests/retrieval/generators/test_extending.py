"""The guide's generator, made from its own code blocks, in an installed package of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
NIGHT = """
import json
import sys
from datetime import date
from pathlib import Path
import numpy as np
import pandas as pd
from recsys_tasks import schema
from recsys_tasks.clock import Cutoffs, start_of
from recsys_tasks.retrieval.candidates.block import Block
from recsys_tasks.retrieval.candidates.fitting import Fitting
from recsys_tasks.retrieval.candidates.source import open_candidate_source
from recsys_tasks.retrieval.candidates.tables import build_generators
from recsys_tasks.retrieval.erasing import erase_generators
from recsys_tasks.snapshot.erasing import Subject
from tests.worlds import make_config, make_snapshot

folder, day = Path(sys.argv[1]), date(2026, 3, 1)
settings = json.loads((folder / "settings.json").read_text())
rows = [("u", "a", 1), ("v", "b", 2), ("v", "c", 3), ("w", "d", 2), ("w", "e", 40)]
events = pd.DataFrame(rows, columns=["user_id", "item_id", "age"])
events["ts"] = start_of(day) - 86400 * events["age"]
settings["items"] = {"attributes": [{"name": "cost", "kind": "numeric"}]}
items = pd.DataFrame({"item_id": list("abcde"), "cost": [1.0, 5.0, np.nan, 9.0, 3.0]})
snapshot = make_snapshot(folder / "lake", make_config(**settings), day, events, items)
cutoffs = Cutoffs.at(day)
artifact = build_generators(snapshot, cutoffs)
again = build_generators(snapshot, cutoffs).version == artifact.version
source = open_candidate_source(snapshot, cutoffs, artifact, None, None)
users = {name: key for key, name in enumerate(snapshot.users["user_id"])}
block = source.block(np.array([users["u"], users["w"]], np.int32))
g = schema.generator_names().index("editors_picks")
picked = []
for row in range(2):
    there = np.flatnonzero(block.ranks[row, :, g] >= 0)
    best = there[np.argsort(block.ranks[row, there, g])]
    picked.append(snapshot.items["item_id"].iloc[block.items[row, best]].tolist())
with (folder / "picks.csv").open("a") as file:
    file.write("u,b,1.0,2026-02-02\\n")
changed = build_generators(snapshot, cutoffs)
cuts = erase_generators(artifact, Subject("u", users["u"]))
files = sorted(name for name in artifact.manifest["files"] if name.startswith("editors_picks"))
shared = {}
exec((folder / "dearest.py").read_text(), shared)
dearest = shared["GENERATOR"]
lists = dearest.fit(Fitting(snapshot, cutoffs, np.array([True, True, True, True, False])))
places, scores = np.full((2, 3), -1, np.int32), np.zeros((2, 3), np.float32)
dearest.fill(Block(source, np.array([0, 1], np.int32)), lists, places, scores)
try:
    refused = str(make_config(generators={"editors_picks": 5}))
except Exception as error:
    refused = str(error)
print(json.dumps({
    "dearest": [places.tolist(), scores.tolist(), sorted(lists) == sorted(dearest.arrays)],
    "off": make_config().generators.quota("editors_picks"),
    "refused": refused,
    "picked": picked,
    "names": schema.generator_names(),
    "bit": schema.generator_bits()["editors_picks"],
    "reason": schema.REASONS[schema.reason_codes()[g]],
    "again": again,
    "changed": changed.version != artifact.version,
    "files": files,
    "cut": sum(cut.rows for cut in cuts),
}))
"""


def _blocks(section: str, language: str) -> list[str]:
    guide = (ROOT / "docs" / "extending.md").read_text()
    part = guide.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", part, flags=re.DOTALL)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a night makes of the guide's package: two picks of u are known, one is of today."""
    folder = tmp_path_factory.mktemp("extending")
    package, info = folder / "my_nightshelf", folder / "my_nightshelf-0.1.0.dist-info"
    package.mkdir()
    info.mkdir()
    (package / "__init__.py").write_text("")
    (folder / "dearest.py").write_text(_blocks("Candidate generator", "python")[1])
    (package / "picks.py").write_text(_blocks("Candidate generator", "python")[0])
    point = re.search(
        r'entry-points."(.*)"\]\n(\w+) = "(.*)"', _blocks("A package of your own", "toml")[0]
    )
    assert point is not None
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-nightshelf\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[{point[1]}]\n{point[2]} = {point[3]}\n")
    picks = ["user_id,item_id,score,day", "u,d,0.5,2026-02-01", "u,c,0.9,2026-02-02"]
    picks += ["u,e,2.0,2026-03-01", "nobody,c,1.0,2026-02-01", "u,nothing,1.0,2026-02-01"]
    (folder / "picks.csv").write_text("\n".join(picks) + "\n")
    settings = _blocks("Candidate generator", "yaml")[0].replace(
        "/data/editors/picks.csv", str(folder / "picks.csv")
    )
    (folder / "settings.json").write_text(json.dumps(yaml.safe_load(settings)))
    done = subprocess.run(
        [sys.executable, "-c", NIGHT, str(folder)],
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_a_shared_list_of_the_guide_names_what_is_on_offer_dearest_first(
    made: dict[str, Any],
) -> None:
    places, scores, declared = made["dearest"]
    assert declared
    assert places == [[3, 1, 0], [3, 1, 0]]  # d, b, a: c has no price, e is not on offer
    assert scores == [[9.0, 5.0, 1.0], [9.0, 5.0, 1.0]]


def test_a_shop_without_its_settings_goes_on_without_it_and_is_told_where_it_asks(
    made: dict[str, Any],
) -> None:
    assert made["off"] == 0
    assert "editors_picks cannot do without settings" in made["refused"]


def test_picks_that_were_known_are_among_the_candidates_best_first(made: dict[str, Any]) -> None:
    assert made["picked"] == [["c", "d"], []]


def test_names_bits_and_reasons_follow_from_the_declaration(made: dict[str, Any]) -> None:
    assert made["names"][-1] == "editors_picks" and len(made["names"]) == 7
    assert (made["bit"], made["reason"]) == (8, "promoted")


def test_tables_are_made_again_when_the_file_changed_and_only_then(made: dict[str, Any]) -> None:
    assert made["again"] and made["changed"]


def test_an_erasure_knows_whose_rows_its_files_hold(made: dict[str, Any]) -> None:
    columns = ("items", "scores", "users")
    assert made["files"] == [f"editors_picks.{name}.user_lists.npy" for name in columns]
    # One event of u, and two picks in each of the three columns.
    assert made["cut"] == 1 + 2 * len(columns)
