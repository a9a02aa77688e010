from __future__ import annotations

from pathlib import Path

import pytest

from recsys_tasks.errors import ArtifactError
from recsys_tasks.lake import Lake


def write(lake: Lake, text: str, inputs: dict[str, str]) -> str:
    with lake.writing("thing", "k", inputs=inputs) as draft:
        (draft.path / "a.txt").write_text(text)
        draft.rows = 1
    assert draft.artifact is not None
    return draft.artifact.reference


def test_equal_fingerprints_are_found_and_others_are_beside_them(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    first = write(lake, "one", {"x": "1"})
    second = write(lake, "two", {"x": "2"})
    found = lake.find("thing", "k", lake.fingerprint("thing", "k", {"x": "1"}, ""))
    assert found is not None and found.reference == first
    assert [a.reference for a in lake.versions("thing", "k")] == [first, second]
    assert lake.require("thing", "k").file("a.txt").read_text() == "two"
    assert lake.find("thing", "k", lake.fingerprint("thing", "k", {"x": "3"}, "")) is None


def test_equal_contents_have_equal_content_hashes(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    one, two = lake.get(write(lake, "same", {"x": "1"})), lake.get(write(lake, "same", {"x": "2"}))
    other = lake.get(write(lake, "other", {"x": "3"}))
    assert one.content == two.content != other.content


def test_a_failed_attempt_leaves_nothing(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with pytest.raises(RuntimeError), lake.writing("thing", "k") as draft:
        (draft.path / "a.txt").write_text("half")
        raise RuntimeError("killed")
    assert lake.newest("thing", "k") is None
    assert list((tmp_path / "thing" / "k").iterdir()) == []


def test_a_killed_attempt_does_not_exist_and_can_be_swept(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    kept = write(lake, "whole", {})
    killed = tmp_path / "thing" / "k" / "000002-dead"
    killed.mkdir()
    (killed / "a.txt").write_text("half")
    assert [a.reference for a in lake.versions("thing", "k")] == [kept]
    with pytest.raises(ArtifactError, match="no finished attempt"):
        lake.get("thing/k/000002-dead")
    assert lake.remove_unfinished() == ["thing/k/000002-dead"]
    assert lake.get(kept).rows == 1


def test_missing_files_and_keys_say_what_to_do(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with pytest.raises(ArtifactError, match="run the stage that writes thing"):
        lake.require("thing", "none")
    artifact = lake.get(write(lake, "x", {}))
    with pytest.raises(ArtifactError, match="not in the manifest"):
        artifact.file("b.txt")


def test_a_remote_lake_behaves_like_a_local_one(tmp_path: Path) -> None:
    # memory:// is fsspec's in-process store: it takes the same remote path through the code as s3:// does
    lake = Lake("memory://lake-test", cache=tmp_path / "cache")
    reference = write(lake, "far", {"x": "1"})
    again = Lake("memory://lake-test", cache=tmp_path / "other-cache")
    assert again.get(reference).file("a.txt").read_text() == "far"
    assert again.find("thing", "k", again.fingerprint("thing", "k", {"x": "1"}, "")) is not None
    again.remove(again.get(reference))
    assert again.newest("thing", "k") is None
