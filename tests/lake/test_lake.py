from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from recsys_tasks.errors import ArtifactError
from recsys_tasks.lake import Lake
from recsys_tasks.lake.slots import SlotTaken


def write(lake: Lake, text: str, inputs: dict[str, str]) -> str:
    with lake.writing("decision", "k", inputs=inputs) as draft:
        (draft.path / "a.txt").write_text(text)
        draft.rows = 1
    return draft.finished.reference


def test_equal_fingerprints_are_found_and_others_are_beside_them(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    first = write(lake, "one", {"x": "1"})
    second = write(lake, "two", {"x": "2"})
    found = lake.made_of("decision", "k", {"x": "1"})
    assert found is not None and found.reference == first
    assert [a.reference for a in lake.versions("decision", "k")] == [first, second]
    assert lake.require("decision", "k").file("a.txt").read_text() == "two"
    assert lake.made_of("decision", "k", {"x": "3"}) is None


def test_equal_contents_have_equal_content_hashes(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    one, two = lake.get(write(lake, "same", {"x": "1"})), lake.get(write(lake, "same", {"x": "2"}))
    other = lake.get(write(lake, "other", {"x": "3"}))
    assert one.content == two.content != other.content


def test_a_failed_attempt_leaves_nothing(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with pytest.raises(RuntimeError), lake.writing("decision", "k") as draft:
        (draft.path / "a.txt").write_text("half")
        raise RuntimeError("killed")
    assert lake.newest("decision", "k") is None
    assert list((tmp_path / "decision" / "k").iterdir()) == []


def test_a_killed_attempt_does_not_exist_and_can_be_swept(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    kept = write(lake, "whole", {})
    killed = tmp_path / "decision" / "k" / "000002-dead"
    killed.mkdir()
    (killed / "a.txt").write_text("half")
    assert [a.reference for a in lake.versions("decision", "k")] == [kept]
    with pytest.raises(ArtifactError, match="no finished attempt"):
        lake.get("decision/k/000002-dead")
    assert lake.remove_unfinished() == ["decision/k/000002-dead"]
    assert lake.get(kept).rows == 1


def test_missing_files_and_keys_say_what_to_do(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with pytest.raises(ArtifactError, match="run the stage that writes decision"):
        lake.require("decision", "none")
    artifact = lake.get(write(lake, "x", {}))
    with pytest.raises(ArtifactError, match="not in the manifest"):
        artifact.file("b.txt")


def test_a_remote_lake_behaves_like_a_local_one(tmp_path: Path) -> None:
    # memory:// is fsspec's in-process store: it takes the same remote path through the code as
    # s3:// does
    lake = Lake("memory://lake-test", cache=tmp_path / "cache")
    reference = write(lake, "far", {"x": "1"})
    again = Lake("memory://lake-test", cache=tmp_path / "other-cache")
    assert again.get(reference).file("a.txt").read_text() == "far"
    assert again.made_of("decision", "k", {"x": "1"}) is not None
    again.remove(again.get(reference))
    assert again.newest("decision", "k") is None


@pytest.mark.parametrize(
    ("url", "remedy"),
    [("s3://bucket/lake", "make setup EXTRAS=s3"), ("nosuch://bucket/lake", "driver of nosuch://")],
)
def test_a_lake_without_a_driver_says_what_to_install(url: str, remedy: str) -> None:
    """In a process of its own: a driver that another test loaded stays."""
    code = (
        "import sys; sys.modules['s3fs'] = None\n"  # as where the extra is not installed
        "from recsys_tasks.errors import ConfigError\n"
        "from recsys_tasks.lake import Lake\n"
        f"try: Lake({url!r})\n"
        "except ConfigError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "no driver for" in done.stdout
    assert f"where: RECSYS_LAKE={url}" in done.stdout
    assert remedy in done.stdout.partition("todo: ")[2]


def noise(path: Path) -> bytes:
    """Other bytes of the same size; returns what was there."""
    before = path.read_bytes()
    path.write_bytes(bytes(byte ^ 0x55 for byte in before))
    return before


def test_bytes_that_changed_are_never_read(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    artifact = lake.get(write(lake, "what was written", {}))
    path = artifact.file("a.txt")
    before = noise(path)
    with pytest.raises(ArtifactError, match="other bytes: sha256") as caught:
        artifact.file("a.txt")
    assert str(path) in caught.value.where and "recsys verify --set-aside" in caught.value.remedy
    path.write_bytes(before)
    assert artifact.file("a.txt").read_text() == "what was written"


def test_a_file_cut_off_or_gone_is_named(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    artifact = lake.get(write(lake, "what was written", {}))
    path = artifact.path / "a.txt"
    path.write_text("what was")
    with pytest.raises(ArtifactError, match="8 bytes instead of 16") as caught:
        artifact.file("a.txt")
    assert caught.value.where == str(path)
    path.unlink()
    with pytest.raises(ArtifactError, match="not there"):
        artifact.folder()


@pytest.mark.parametrize(
    "spoilt", [b'{"kind": "deci', b"", b"\x00\xff", b"[]", b'{"kind": "decision"}']
)
def test_a_broken_manifest_is_named_and_no_older_version_takes_its_place(
    tmp_path: Path, spoilt: bytes
) -> None:
    lake = Lake(tmp_path)
    write(lake, "one", {"x": "1"})
    manifest = lake.get(write(lake, "two", {"x": "2"})).path / "manifest.json"
    manifest.write_bytes(spoilt)
    for ask in (
        lambda: lake.newest("decision", "k"),
        lambda: lake.require("decision", "k"),
        lambda: lake.keys("decision"),
    ):
        with pytest.raises(ArtifactError) as caught:
            ask()
        assert caught.value.where == str(manifest)


@pytest.mark.parametrize("remote", [False, True])
def test_what_is_damaged_is_set_aside_and_made_again(tmp_path: Path, remote: bool) -> None:
    lake = Lake(
        f"memory://damaged-{tmp_path.name}" if remote else tmp_path / "lake",
        cache=tmp_path / "cache",
    )
    whole, bad = write(lake, "one", {"x": "1"}), write(lake, "two", {"x": "2"})
    stored = lake.root / bad / "a.txt"
    stored.write_bytes(b"owt")
    (damaged,) = lake.damaged()
    assert damaged.reference == bad and damaged.files[0][1].startswith("other bytes")
    aside = lake.set_aside(damaged, tmp_path / "aside")
    assert (aside / "a.txt").read_bytes() == b"owt" and (aside / "manifest.json").exists()
    assert list(lake.damaged()) == [] and lake.has([whole]) and not lake.has([whole, bad])
    assert lake.made_of("decision", "k", {"x": "2"}) is None
    assert (
        write(lake, "other", {"x": "3"}) != bad
    )  # other files under the old name would be another artifact
    assert (
        write(lake, "two", {"x": "2"}) == bad and lake.get(bad).file("a.txt").read_text() == "two"
    )


def take(lake: Lake, text: str, slot: int) -> str:
    with lake.writing("erased", "k", slot=slot) as draft:
        (draft.path / "a.txt").write_text(text)
    return draft.finished.reference


@pytest.mark.parametrize("root", ["", "memory://slots"])
def test_a_slot_is_one_writers_and_who_comes_second_leaves_nothing(
    tmp_path: Path, root: str
) -> None:
    lake = Lake(root + "/" + tmp_path.name if root else tmp_path, cache=tmp_path / "cache")
    assert lake.head("erased", "k") == (1, None)
    first = take(lake, "one", 1)
    with pytest.raises(SlotTaken):
        take(lake, "other", 1)
    number, parent = lake.head("erased", "k")
    assert number == 2 and parent is not None and parent.reference == first
    assert take(lake, "two", number) != first
    assert [a.file("a.txt").read_text() for a in lake.versions("erased", "k")] == ["one", "two"]
    assert lake.remove_unfinished() in ([], ["erased/k/" + name for name in unfinished(lake)])
    assert lake.head("erased", "k")[0] == 3  # a sweep leaves the slots


def unfinished(lake: Lake) -> list[str]:
    return [
        child.name
        for child in (lake.root / "erased" / "k").iterdir()
        if not (child / "manifest.json").exists()
    ]


def test_a_version_whose_writer_was_killed_after_taking_its_slot_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(tmp_path)
    with monkeypatch.context() as killed:
        killed.setattr(
            "recsys_tasks.lake.attempts.write_durably",
            lambda path, value: (_ for _ in ()).throw(KeyboardInterrupt),
        )
        with pytest.raises(KeyboardInterrupt):
            take(lake, "one", 1)
    assert lake.newest("erased", "k") is None
    number, parent = lake.head("erased", "k")
    assert number == 2 and parent is not None and parent.file("a.txt").read_text() == "one"


def test_a_slot_whose_version_was_swept_away_is_left_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(tmp_path)
    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(
            "recsys_tasks.lake.attempts.write_durably",
            lambda path, value: (_ for _ in ()).throw(KeyboardInterrupt),
        )
        take(lake, "one", 1)
    assert len(lake.remove_unfinished()) == 1
    assert lake.head("erased", "k") == (2, None)
    take(lake, "two", 2)
    assert lake.require("erased", "k").file("a.txt").read_text() == "two"


def test_the_newest_is_the_one_that_was_finished_last(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with lake.writing("decision", "k") as slow:
        (slow.path / "a.txt").write_text("slow")
        for text in ("quick", "quicker"):
            write(lake, text, {})
    assert lake.require("decision", "k").file("a.txt").read_text() == "slow"
    assert len(lake.versions("decision", "k")) == 3 and unfinished_of(tmp_path) == []


def unfinished_of(root: Path) -> list[Path]:
    attempts = (root / "decision" / "k").iterdir()
    return [path for path in attempts if not (path / "manifest.json").exists()]
