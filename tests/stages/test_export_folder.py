"""Where an export may be written, and that no file is lost by it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recsys_tasks.commands.export_folder import ABOUT, FILES, draft_of, place_for
from recsys_tasks.errors import ArtifactError


def export(folder: Path, night: str) -> None:
    """What an export does with its folder: every file says which night it is of."""
    with draft_of(place_for(folder)) as draft:
        write(draft, night)


def write(draft: Path, night: str) -> None:
    for name in FILES:
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        (draft / name).write_text(night)
    (draft / ABOUT).write_text(
        json.dumps({"project": "p", "as_of": night, "tower": "t", "dimensions": 2})
    )


def night_of(folder: Path) -> str:
    """Of all its files; that there are no others is asserted."""
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    assert set(files) == set(FILES)
    (night,) = {path.read_text() for name, path in files.items() if name != ABOUT}
    assert json.loads(files[ABOUT].read_text())["as_of"] == night
    return night


def test_a_new_folder_appears_whole_with_the_folders_above_it(tmp_path: Path) -> None:
    to = tmp_path / "a" / "b"
    with draft_of(place_for(to)) as draft:
        write(draft, "1")
        assert not to.exists()
    assert (
        night_of(to) == "1"
        and list(to.parent.iterdir()) == [to]
        and to.stat().st_mode & 0o777 == 0o755
    )


def test_the_folder_in_which_one_stands_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for night in ("1", "2"):
        export(Path(), night)
        assert night_of(Path()) == night  # by the relative path: one still stands in it


def test_a_link_to_a_folder_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for night in ("1", "2"):
        export(tmp_path / "link", night)
        assert night_of(tmp_path / "real") == night and (tmp_path / "link").is_symlink()


def test_the_earlier_export_is_there_until_the_new_one_is_whole_and_after_an_error(
    tmp_path: Path,
) -> None:
    export(tmp_path / "to", "1")
    with pytest.raises(KeyboardInterrupt), draft_of(place_for(tmp_path / "to")) as draft:
        write(draft, "2")
        assert (tmp_path / "to" / "map.png").read_text() == "1"
        raise KeyboardInterrupt
    assert night_of(tmp_path / "to") == "1"


@pytest.mark.parametrize("moves", [3, len(FILES) + 3])
def test_an_exchange_that_fails_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    """While the old files go aside, and while the new ones come."""
    export(tmp_path / "to", "1")
    rename, done = Path.rename, []

    def renamed(self: Path, target: Path) -> Path:
        done.append(target)
        if len(done) == moves:
            raise OSError("the disk has gone")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", renamed)
    with pytest.raises(ArtifactError, match="the disk has gone"):
        export(tmp_path / "to", "2")
    assert night_of(tmp_path / "to") == "1"


def test_other_files_beside_an_export_stay(tmp_path: Path) -> None:
    export(tmp_path, "1")
    others = [tmp_path / "notes.txt", tmp_path / "projector" / "bookmarks.txt"]
    for path in others:
        path.write_text("mine")
    export(tmp_path, "2")
    assert [path.read_text() for path in others] == ["mine", "mine"]
    for path in others:
        path.unlink()
    assert night_of(tmp_path) == "2"


@pytest.mark.parametrize(
    "about", [None, "{}", "[1]", "not json", '{"project": "another program\'s"}']
)
def test_a_folder_that_holds_no_export_is_refused(tmp_path: Path, about: str | None) -> None:
    (tmp_path / "items.parquet").write_text("mine")
    if about is not None:
        (tmp_path / ABOUT).write_text(about)
    with pytest.raises(ArtifactError, match="name another folder") as caught:
        export(tmp_path, "1")
    assert (
        caught.value.found.startswith("no export, but ") and "'items.parquet'" in caught.value.found
    )
    assert (tmp_path / "items.parquet").read_text() == "mine"


def test_a_place_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ArtifactError) as caught:
        place_for(tmp_path / "file")
    assert caught.value.found == "a file"
    with (
        pytest.raises(ArtifactError, match="can be written"),
        draft_of(place_for(tmp_path / "file" / "within")),
    ):
        pytest.fail("the work began")
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(ArtifactError, match="name another folder"):
        place_for(tmp_path / "circle")


def test_what_a_killed_export_left_neither_hinders_the_next_nor_stays(tmp_path: Path) -> None:
    for night in ("1", "2"):
        (tmp_path / ".export-draft-killed").mkdir()
        (tmp_path / ".export-draft-killed" / "items.parquet").write_text("half")
        export(tmp_path, night)
        assert night_of(tmp_path) == night and not list(tmp_path.glob(".*"))
