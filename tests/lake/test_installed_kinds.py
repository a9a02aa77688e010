"""A kind of a user's own package: found by its entry point, kept, erased and made anew as ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

PACKAGE = """
import pyarrow as pa
import pyarrow.parquet as pq

from recsys_tasks.lake.keys import NightKey
from recsys_tasks.lake.kinds import Holding, Kind, Retire

DIARY = Kind(
    name="diary",
    what="what the editors noted on a night",
    key=NightKey,
    files={"notes.parquet": Holding.ROWS, "page.html": Holding.MENTIONS, "who.npy": Holding.KEYS},
    retire=Retire.NIGHT,
    made_by=("my_diary",),
)


def keep(lake):
    def write(draft):
        notes = pa.table({"user_id": ["ann", "bob"], "text": ["x", "y"]})
        pq.write_table(notes, draft.path / "notes.parquet")
        (draft.path / "page.html").write_text("user ann wrote")
        draft.rows = 2

    return lake.make(DIARY, "2026-03-10", inputs={"notes": "1"}, write=write)
"""
SCRIPT = """
import json, sys
from datetime import date
import pyarrow.parquet as pq
from my_diary import keep
from recsys_tasks.lake import Lake
from recsys_tasks.privacy.lake import check_layouts, take_out, traces
from recsys_tasks.retention.plan import InUse, plan_retention, stored
from recsys_tasks.snapshot.erasing import Subject

lake = Lake(sys.argv[1])
made = keep(lake)
check_layouts(lake)
for trace in list(traces(lake, Subject("ann", -1))):
    take_out(lake, trace, {"by": "test"})
kept = lake.get(made.reference)
plan = plan_retention(stored(lake), InUse(date(2026, 4, 1), 1, frozenset({date(2026, 4, 1)})))
print(json.dumps({
    "version": kept.version,
    "rows": pq.read_table(kept.file("notes.parquet"))["user_id"].to_pylist(),
    "page": kept.file("page.html").read_text(),
    "removed": [choice.artifact.version for choice in plan.remove],
}))
"""


def test_a_kind_of_an_installed_package(tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "my_diary").mkdir(parents=True)
    module = site / "my_diary" / "__init__.py"
    module.write_text(PACKAGE)
    facts = site / "my_diary-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: my-diary\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[nightshelf.kinds]\ndiary = my_diary:DIARY\n")

    def run() -> dict[str, object]:
        path = os.pathsep.join([str(site), str(Path.cwd())])
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / "lake")]
        environment = {**os.environ, "PYTHONPATH": path}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found: dict[str, object] = json.loads(done.stdout)
        return found

    first = run()
    assert (first["rows"], first["page"]) == (["bob"], "user (erased) wrote")
    assert first["removed"] == [first["version"]]
    module.write_text(PACKAGE + "\nCHANGED = 1\n")
    assert run()["version"] != first["version"]
