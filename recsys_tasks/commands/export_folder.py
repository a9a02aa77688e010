"""The folder of an export: what may be replaced there, and how nothing is lost by it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recsys_tasks.errors import ArtifactError, offenders

ABOUT = "export.json"
FILES = (
    ABOUT,
    *("items.parquet", "users.parquet", "map.png", "map.html", "projector/projector_config.pbtxt"),
    *(
        f"projector/{kind}/{name}.tsv"
        for kind in ("items", "users")
        for name in ("vectors", "metadata")
    ),
)
"""What an export is made of. The first says that it is whole: it is taken away first, and comes
last.
"""
SAYS = {"project", "as_of", "tower", "dimensions"}
"""What `export.json` tells at least: another program's file of that name does not."""
_DRAFT, _EARLIER = ".export-draft-", ".export-earlier-"


def place_for(folder: Path) -> Path:
    """The folder itself, without links and dots. Raises ArtifactError unless it is new, empty, or
    holds an export.
    """
    with _explained(folder):
        folder = _resolved(folder)
        if folder.exists() and not folder.is_dir():
            raise _refused(folder, "a file")
        found = [path.name for path in folder.iterdir()] if folder.exists() else []
    others = sorted(name for name in found if not name.startswith(_DRAFT))
    if others and not _is_whole(folder / ABOUT):
        raise _refused(folder, f"no export, but {offenders(others)}")
    return folder


@contextmanager
def draft_of(folder: Path) -> Iterator[Path]:
    """A folder to write `FILES` into, which take the place of those in `folder` when the block ends
    well.

    Until then, and after an error, the earlier export is there; files of other names stay whatever
    happens. Raises ArtifactError when the folder cannot be written, before the block where that
    shows.
    """
    with _explained(folder):
        # Within a folder that exists: it may be where the user stands, a mount, or all that the
        # user may write.
        within = folder.exists()
        place = folder if within else folder.parent
        place.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=place))
        try:
            yield draft
            if within:
                _exchange(draft, folder)
            else:
                draft.chmod(0o755)
                draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        _tidy(folder)


def _refused(folder: Path, found: str) -> ArtifactError:
    return ArtifactError(
        expected="a folder that is new, empty, or holds an earlier export",
        found=found,
        where=str(folder),
        remedy="name another folder with --to",
    )


def _resolved(folder: Path) -> Path:
    try:
        return folder.resolve()
    except RuntimeError as error:  # how Python 3.11 says that links go in a circle
        raise OSError(str(error)) from error


def _is_whole(about: Path) -> bool:
    try:
        said = json.loads(about.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(said, dict) and said.keys() >= SAYS


def _exchange(draft: Path, folder: Path) -> None:
    """The draft's files for the folder's, which go aside first; on an error they come back."""
    earlier = Path(tempfile.mkdtemp(prefix=_EARLIER, dir=folder))
    moves = [(folder / name, earlier / name) for name in FILES if (folder / name).exists()]
    moves += [(draft / name, folder / name) for name in reversed(FILES)]
    done: list[tuple[Path, Path]] = []
    try:
        for old, new in moves:
            new.parent.mkdir(parents=True, exist_ok=True)
            old.rename(new)
            done.append((old, new))
    except BaseException:
        for old, new in reversed(done):
            new.rename(old)
        shutil.rmtree(earlier)
        raise


def _tidy(folder: Path) -> None:
    """Remove what went aside, now and in exports that were killed: beside a whole export nobody
    needs it.
    """
    for prefix in (_DRAFT, _EARLIER):
        for left in folder.glob(f"{prefix}*"):
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArtifactError(
            expected="a folder that can be written, on a disk with room",
            found=str(error),
            where=str(folder),
            remedy="make it writable or make room; or name another folder with --to",
        ) from error
