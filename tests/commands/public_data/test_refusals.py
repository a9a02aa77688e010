"""What `recsys import` refuses, what a kill leaves, and a night of what it made."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from recsys_tasks.commands.public_data.data_sets import data_sets
from recsys_tasks.commands.public_data.target import new_folder
from recsys_tasks.errors import ConfigError
from tests.commands.public_data import downloads
from tests.commands.public_data.downloads import write
from tests.commands.public_data.test_import import run


def test_an_unknown_download_is_refused_with_what_is_known(tmp_path: Path) -> None:
    write(tmp_path / "songs", "plays.csv", ["who,what,when", "1,2,3"])
    code, said = run("import", str(tmp_path / "songs"), "--to", str(tmp_path / "made"))
    assert code == 1 and not (tmp_path / "made").exists()
    assert "found: 'plays.csv'" in said and "recsys init FOLDER" in said
    for data_set in data_sets():
        assert data_set.title in said and data_set.files[0].what in said


def test_every_file_has_one_data_set_and_its_own_tables() -> None:
    files = Path(sys.modules["recsys_tasks.commands.public_data.data_sets"].__path__[0])
    known = list(data_sets())
    assert len(known) == len([path for path in files.glob("[!_]*.py")]) == 11
    for data_set in known:
        assert {file.name for file in data_set.files}.isdisjoint({"interactions", "items", "users"})


def test_content_counts_and_no_name(tmp_path: Path) -> None:
    downloads.movielens(tmp_path / "ml")
    folder = tmp_path / "renamed"
    folder.mkdir()
    (tmp_path / "ml/ml/ratings.csv").rename(folder / "x1")
    (tmp_path / "ml/ml/movies.csv").rename(folder / "events.json.gz")
    code, said = run("import", str(folder), "--to", str(tmp_path / "made"))
    assert code == 0 and "1,678 interactions" in said


def test_two_data_sets_in_one_folder_are_refused(tmp_path: Path) -> None:
    downloads.retailrocket(tmp_path / "both")
    downloads.amazon_ratings_2018(tmp_path / "both")
    code, said = run("import", str(tmp_path / "both"), "--to", str(tmp_path / "made"))
    assert code == 1 and "found: Amazon ratings only, 2018 and RetailRocket" in said


@pytest.mark.parametrize("there", ["notes.txt", "recsys.yaml"])
def test_nothing_is_overwritten(tmp_path: Path, there: str) -> None:
    archive = downloads.movielens(tmp_path / "download")
    to = tmp_path / "made"
    to.mkdir()
    (to / there).write_text("mine")
    code, said = run("import", str(archive), "--to", str(to))
    assert code == 1 and f"a folder with '{there}'" in said and f"--to {to}-new" in said
    assert [path.name for path in to.iterdir()] == [there]
    (to / there).unlink()
    code, said = run("import", str(archive), "--to", str(to))
    assert code == 0, said


def test_without_a_target_the_folder_is_called_as_the_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = downloads.movielens(tmp_path / "download")
    monkeypatch.chdir(tmp_path)
    code, said = run("import", str(archive))
    assert code == 0 and f"comments: {tmp_path}/movielens\n" in said
    code, said = run("import", str(archive))
    assert code == 1 and str(tmp_path / "movielens") in said


def _broken_gzip(folder: Path) -> Path:
    path = downloads.amazon_ratings_2023(folder)
    path.write_bytes(path.read_bytes()[:-2_000])
    return path


def _broken_zip(folder: Path) -> Path:
    path = downloads.movielens(folder)
    raw = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("ml/ratings.csv").header_offset
    raw[start + 3_000 : start + 3_100] = bytes(100)
    path.write_bytes(raw)
    return path


def _all_bad(folder: Path) -> Path:
    lines = [line.replace(",2,", ",,") for line in ["1,2,4.0,1433116800"] * 20]
    write(folder, "ratings.csv", ["userId,movieId,rating,timestamp", *lines])
    write(folder, "movies.csv", ["movieId,title,genres", "1,A,B"])
    return folder


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (_broken_gzip, "Unexpected end of GZIP stream"),
        (_broken_zip, "download it again"),
        (_all_bad, "20 rows of ratings that cannot be read"),
        (lambda folder: folder, "no such file or folder"),
    ],
)
def test_a_damaged_download_makes_nothing(tmp_path: Path, build: object, words: str) -> None:
    assert callable(build)
    path = build(tmp_path / "download")
    before = sorted(tmp_path.iterdir())
    code, said = run("import", str(path), "--to", str(tmp_path / "made"))
    assert code == 1 and words in said
    assert sorted(tmp_path.iterdir()) == before


KILLED = """
import os, signal, sys
from pathlib import Path
from recsys_tasks.commands.public_data import import_data

def before(step):
    if step == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)

import_data(Path(sys.argv[1]), Path(sys.argv[2]), before)
"""


@pytest.mark.parametrize("step", ["making the tables", "counting"])
def test_after_a_kill_there_is_no_folder_and_the_next_import_tidies(
    tmp_path: Path, step: str
) -> None:
    archive = downloads.movielens(tmp_path / "download")
    to = tmp_path / "made"
    done = subprocess.run([sys.executable, "-c", KILLED, archive, to, step], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not to.exists() and len(list(tmp_path.glob(".made.import-*"))) == 1
    code, said = run("import", str(archive), "--to", str(to))
    assert code == 0, said
    assert sorted(path.name for path in to.iterdir()) == [
        "interactions.parquet",
        "items.parquet",
        "recsys.yaml",
    ]
    assert list(tmp_path.glob(".made.import-*")) == []


def test_an_import_that_is_at_work_keeps_its_draft_and_overwrites_nothing(tmp_path: Path) -> None:
    archive, to = downloads.movielens(tmp_path / "download"), tmp_path / "made"
    with (
        pytest.raises(ConfigError, match="interactions"),
        new_folder(to) as (result, scratch),
    ):
        code, said = run("import", str(archive), "--to", str(to))
        assert code == 0, said
        assert result.exists() and scratch.exists()
    assert (to / "recsys.yaml").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_night_publishes_lists_of_an_imported_data_set(tmp_path: Path) -> None:
    """The commands that the import prints, as a person types them."""
    archive, to = downloads.movielens(tmp_path / "download"), tmp_path / "made"
    assert run("import", str(archive), "--to", str(to))[0] == 0
    settings = (to / "recsys.yaml").read_text()
    quick = "two_tower: {dimensions: 8, epochs: 1}\nranker: {windows: 1}\n"
    (to / "recsys.yaml").write_text(settings + quick)
    environment = {
        **os.environ,
        "RECSYS_HOME": str(tmp_path / "home"),
        "RECSYS_CONFIG": str(to / "recsys.yaml"),
    }
    recsys = [sys.executable, "-m", "recsys_tasks.cli"]
    night = subprocess.run(
        [*recsys, "run", "--as-of", "2015-07-13"], env=environment, capture_output=True, text=True
    )
    assert night.returncode == 0, night.stdout + night.stderr
    shown = subprocess.run(
        [*recsys, "recommend", "1"], env=environment, capture_output=True, text=True
    )
    # User 1 had the items 3 to 44 and rates nothing twice: 45 to 59 and 0 to 2 are left, 18 items.
    titles = set(re.findall(r"Film (\d+)", shown.stdout))
    assert titles and titles <= {*map(str, range(45, 60)), "0", "1", "2"}, shown.stdout
