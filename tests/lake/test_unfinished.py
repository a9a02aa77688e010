"""What killed writers left: found dead by its age, and never what somebody may still need."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from recsys_tasks.lake import Lake
from recsys_tasks.retention.texts import cut, remove_old
from tests.lake.test_lake import take, unfinished, unfinished_of, write

DAY = timedelta(days=1)
KILLED = """
import os, signal, sys
from pathlib import Path
from recsys_tasks.lake import Lake
with Lake(sys.argv[1]).writing("decision", "k") as draft:
    (draft.path / "part").mkdir()
    (draft.path / "part" / "a.txt").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a writer that was killed."""
    root = tmp_path_factory.mktemp("killed")
    done = subprocess.run([sys.executable, "-c", KILLED, str(root)], check=False)
    assert done.returncode == -signal.SIGKILL
    (folder,) = unfinished_of(root)
    return folder


def killed(lake: Lake, left: Path, number: int = 2) -> Path:
    """That folder in another lake."""
    target = Path(str(lake.root)) / "decision" / "k" / f"{number:06d}-{left.name[-8:]}"
    shutil.copytree(left, target)
    return target


def age(folder: Path, days: float) -> None:
    """As if everything of a folder was written so long ago."""
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (time.time() - days * 86_400,) * 2)


def now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


def test_what_a_killed_writer_left_is_dead_once_nobody_wrote_to_it_for_long(
    tmp_path: Path, left: Path
) -> None:
    lake = Lake(tmp_path)
    kept = write(lake, "whole", {})
    old, new, touched = (killed(lake, left, number) for number in (2, 3, 4))
    for folder in (old, touched, tmp_path / kept):
        age(folder, 3)
    os.utime(touched / "part" / "a.txt")  # deep in it somebody wrote just now
    assert lake.remove_unfinished(before=now() - 4 * DAY) == []
    assert lake.remove_unfinished(before=now() - DAY) == [f"decision/k/{old.name}"]
    assert not old.exists() and new.exists() and touched.exists()
    assert lake.require("decision", "k").file("a.txt").read_text() == "whole"


@pytest.mark.parametrize("root", ["", "memory://vacant"])
def test_a_vacant_version_stays_for_what_is_made_again(tmp_path: Path, root: str) -> None:
    lake = Lake(f"{root}-{tmp_path.name}" if root else tmp_path / "lake", cache=tmp_path / "cache")
    bad = write(lake, "two", {"x": "2"})
    (lake.root / bad / "a.txt").write_bytes(b"owt")
    (damaged,) = lake.damaged()
    lake.set_aside(damaged, tmp_path / "aside")
    assert lake.remove_unfinished(before=now() + DAY) == lake.remove_unfinished() == []
    assert write(lake, "two", {"x": "2"}) == bad


def test_a_version_that_has_its_slot_stays_for_the_next_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An id map whose writer was killed before its manifest: the next one finishes it."""
    lake = Lake(tmp_path)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(
            "recsys_tasks.lake.attempts.write_durably",
            lambda path, value: (_ for _ in ()).throw(KeyboardInterrupt),
        )
        take(lake, "one", 1)
    (half,) = unfinished(lake)
    age(tmp_path / "erased" / "k" / half, 3)
    assert lake.remove_unfinished(before=now() - DAY) == []
    _, parent = lake.head("erased", "k")
    assert parent is not None and parent.file("a.txt").read_text() == "one"


def test_nothing_is_removed_once_the_lock_is_lost(tmp_path: Path, left: Path) -> None:
    lake = Lake(tmp_path)
    half = killed(lake, left)
    age(half, 3)

    def lost() -> None:
        raise RuntimeError("lost")

    lake.fence = lost
    with pytest.raises(RuntimeError, match="lost"):
        lake.remove_unfinished(before=now() - DAY)
    assert half.exists()


# --- logs and errors ------------------------------------------------------------------------------


def test_old_logs_go_with_their_folders_and_nothing_else(tmp_path: Path) -> None:
    root, outside = tmp_path / "logs", tmp_path / "outside"
    outside.mkdir()
    (outside / "a.log").write_text("not a log of ours")
    for name in ("dag_id=a/run_id=1", "dag_id=a/run_id=2", "dag_id=b/run_id=1"):
        (root / name).mkdir(parents=True)
        (root / name / "1.log").write_text("x" * 10)
    (root / "dag_id=c" / "run_id=1").mkdir(parents=True)  # a task is about to write
    (root / "latest").symlink_to(outside)
    for name in ("dag_id=a/run_id=1", "dag_id=b"):
        age(root / name, 40)
    age(outside, 40)
    found = remove_old(root, now() - 30 * DAY)
    assert (found.files, found.bytes, found.refused) == (2, 20, 0)
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*")) == [
        "dag_id=a",
        "dag_id=a/run_id=2",
        "dag_id=a/run_id=2/1.log",
        "dag_id=c",
        "dag_id=c/run_id=1",
        "latest",
    ]
    assert (outside / "a.log").exists() and remove_old(tmp_path / "nowhere", now()).files == 0


def test_a_log_that_a_process_goes_on_writing_is_cut_to_its_end(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "scheduler.log", 1000)
    with path.open("ab") as writer:
        assert cut(path, kept=3000) == 0  # not five times as long
        assert cut(path, kept=1000) == 9010
        writer.write(b"and on\n")
    lines = path.read_text().splitlines()
    assert len(lines) == 100 and lines[-2:] == ["line  999", "and on"]


def write_lines(path: Path, n: int) -> Path:
    path.write_text("".join(f"line {k:4}\n" for k in range(n)))
    return path
