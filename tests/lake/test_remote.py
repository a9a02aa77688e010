"""A lake in an object store that several machines use: each has a cache of its own."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from upath import UPath

from recsys_tasks.errors import ConfigError, DamagedArtifact, TransientError
from recsys_tasks.lake import Lake
from recsys_tasks.lake.remote import fetch
from tests.object_store import s3_server, variables


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """URL of a server that answers as S3 does, which its driver finds in the environment."""
    with s3_server() as url, pytest.MonkeyPatch.context() as patch:
        for name, value in variables(url).items():
            patch.setenv(name, value)
        files = fsspec.filesystem("s3", skip_instance_cache=True)
        type(files).clear_instance_cache()
        files.mkdir("bucket")
        yield url


@pytest.fixture(params=["memory://bucket", "s3://bucket"])
def root(request: pytest.FixtureRequest) -> str:
    """An empty lake."""
    if request.param.startswith("s3"):
        request.getfixturevalue("s3")
    return f"{request.param}/{uuid4().hex}"


def machine(root: str, folder: Path) -> Lake:
    """The lake as a machine sees it that has a driver, and a cache, of its own."""
    fsspec.get_filesystem_class(root.partition("://")[0]).clear_instance_cache()
    return Lake(root, cache=folder)


def write(lake: Lake, **files: str) -> str:
    with lake.writing("decision", "k", inputs=files) as draft:
        for name, text in files.items():
            (draft.path / name).write_text(text)
    return draft.finished.reference


def test_what_another_machine_wrote_or_removed_is_seen(root: str, tmp_path: Path) -> None:
    one, other = machine(root, tmp_path / "one"), machine(root, tmp_path / "other")
    assert one.newest("decision", "k") is None and one.keys("decision") == []
    write(other, a="first")
    assert one.keys("decision") == ["k"]
    found = one.require("decision", "k")
    write(other, a="second")
    assert one.require("decision", "k").file("a").read_text() == "second"
    assert one.is_there(found)
    other.remove(other.get(found.reference))
    assert not one.is_there(found) and len(one.versions("decision", "k")) == 1


def test_a_file_is_fetched_when_it_is_asked_for(root: str, tmp_path: Path) -> None:
    reference = write(machine(root, tmp_path / "one"), a="x", b="y")
    found = machine(root, tmp_path / "other").get(reference)
    assert found.where == f"{root}/{reference}"
    assert [path.name for path in found.path.iterdir()] == ["manifest.json"]
    assert found.file("b").read_text() == "y" and not (found.path / "a").exists()
    assert {path.name for path in found.folder().iterdir()} == {"a", "b", "manifest.json"}


def test_a_file_that_is_gone_from_the_store_is_named(root: str, tmp_path: Path) -> None:
    reference = write(machine(root, tmp_path / "one"), a="x")
    lake = machine(root, tmp_path / "other")
    (lake.root / reference / "a").unlink()
    with pytest.raises(DamagedArtifact, match="not there"):
        lake.get(reference).file("a")


def test_tasks_of_one_machine_that_fetch_at_once_read_whole_files(tmp_path: Path) -> None:
    """From a folder: the driver of memory:// has one place to read at for all its readers."""
    size = 4 << 20
    source = UPath(tmp_path / "store" / "big")
    source.parent.mkdir()
    source.write_bytes(b"x" * size)
    path, torn, ended = tmp_path / "cache" / "big", list[int](), threading.Event()

    def look() -> None:
        while not ended.is_set():
            if path.exists() and path.stat().st_size != size:
                torn.append(path.stat().st_size)

    watcher = threading.Thread(target=look)
    watcher.start()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: fetch(source, path), range(8)))
    ended.set()
    watcher.join()
    assert torn == [] and path.stat().st_size == size
    assert [file.name for file in path.parent.iterdir()] == ["big"]


class CutOff(LocalFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A store whose connection ends before the file does."""

    protocol = "cut"

    def get_file(self, rpath: str, lpath: str, **_: object) -> None:
        Path(lpath).write_bytes(Path(rpath).read_bytes()[:-1])


@pytest.mark.filterwarnings("ignore:UPath 'cut'")
def test_a_transfer_that_was_cut_off_is_tried_again_and_blames_no_file(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 1000)
    fsspec.register_implementation("cut", CutOff, clobber=True)
    with pytest.raises(TransientError, match=r"(?s)1,000 bytes of the file.*999 bytes"):
        fetch(UPath(f"cut://{tmp_path}/big"), tmp_path / "cache" / "big", 1000)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_failed_or_killed_attempt_leaves_nothing_anywhere(root: str, tmp_path: Path) -> None:
    lake = machine(root, tmp_path)
    with pytest.raises(RuntimeError), lake.writing("decision", "k") as draft:
        (draft.path / "a").write_text("half")
        raise RuntimeError("killed")
    assert not draft.path.exists() and not lake.root.fs.find(lake.root.path)
    (tmp_path / ".drafts" / "killed").mkdir()
    lake.remove_unfinished()
    assert not (tmp_path / ".drafts").exists()


def test_what_killed_writers_left_goes_by_its_age_in_the_store_and_on_each_machine(
    root: str, tmp_path: Path
) -> None:
    lake, other = machine(root, tmp_path / "one"), machine(root, tmp_path / "other")
    kept = write(lake, a="whole")
    half = lake.root / "decision" / "k" / "000002-dead"  # killed while it copied its files
    (half / "part").mkdir(parents=True, exist_ok=True)
    (half / "part" / "b").write_text("half")
    now = datetime.fromtimestamp(time.time(), UTC)
    assert lake.remove_unfinished(before=now - timedelta(hours=1)) == []
    assert lake.remove_unfinished(before=now + timedelta(hours=1)) == ["decision/k/000002-dead"]
    assert not lake.root.fs.find(half.path) and lake.get(kept).file("a").read_text() == "whole"
    drafts = tmp_path / "other" / ".drafts"
    for name, days in (("killed", 8), ("at-work", 6)):
        (drafts / name).mkdir(parents=True)
        os.utime(drafts / name, (time.time() - days * 86_400,) * 2)
    with other.cache_in_use(bound=10**9, erased=""):
        assert [draft.name for draft in drafts.iterdir()] == ["at-work"]
    with other.cache_in_use(bound=10**9, erased="erased/users/1"):
        assert not drafts.exists()  # what it holds may be of who was erased


def test_copies_stay_within_a_bound_and_the_longest_unused_go(root: str, tmp_path: Path) -> None:
    lake = machine(root, tmp_path)
    first, second = write(lake, a="x" * 1000), write(lake, a="y" * 1000)
    os.utime(lake.get(second).path / "manifest.json", (1, 1))
    with lake.cache_in_use(bound=2500, erased=""):
        assert not (tmp_path / second).exists() and (tmp_path / first / "a").exists()
        assert lake.get(second).file("a").read_text() == "y" * 1000  # fetched again


def test_copies_go_with_an_erasure_but_not_under_a_stage_at_work(root: str, tmp_path: Path) -> None:
    lake = machine(root, tmp_path)
    reference = write(lake, a="ann")
    with lake.cache_in_use(bound=10**9, erased="erased/users/1"):
        assert not (tmp_path / reference).exists()
        lake.get(reference).file("a")
        with lake.cache_in_use(bound=0, erased="erased/users/2"):  # of another task
            assert (tmp_path / reference / "a").exists()
    with lake.cache_in_use(bound=10**9, erased="erased/users/1"):
        assert (tmp_path / reference / "a").exists()
    with lake.cache_in_use(bound=10**9, erased="erased/users/2"):
        assert not (tmp_path / reference).exists()


def test_a_bucket_that_is_not_there_is_a_mistake(s3: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such bucket") as caught:
        write(machine("s3://nowhere/lake", tmp_path), a="x")
    assert "RECSYS_LAKE" in caught.value.remedy


def test_a_store_that_does_not_answer_is_tried_again(
    s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    lake = machine("s3://bucket/lake", tmp_path)
    for ask in (lambda: lake.newest("decision", "k"), lambda: write(lake, a="x")):
        with pytest.raises(TransientError, match="an object store that answers"):
            ask()
    type(lake.root.fs).clear_instance_cache()


def test_without_credentials_the_error_says_which(
    s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    lake = machine("s3://bucket/lake", tmp_path)
    with pytest.raises(ConfigError, match="AWS_ACCESS_KEY_ID"):
        write(lake, a="x")
    type(lake.root.fs).clear_instance_cache()
