"""The folder of a backup: what is in it, its sizes and checksums, and whether it still is what was
written.

`backup.json` is written last: a folder without it is no backup.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from recsys_tasks.errors import ArtifactError, ConfigError, offenders
from recsys_tasks.lake.checksums import hash_file
from recsys_tasks.small_files import write_whole

ABOUT = "backup.json"
FORM = 1
DATABASE, REGISTRY, REGISTRY_FILE = "recsys.dump", "mlflow.dump", "mlflow.sqlite"
AIRFLOW, AIRFLOW_KEYS = "airflow.dump", "airflow/secrets.json"
LAKE, HOME, SETTINGS = "lake", "home", "settings"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Facts:
    """What a file is."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class About:
    """What a backup says of itself."""

    made_at: str
    version: str
    """Of nightshelf."""
    project: str
    revision: str
    """Of the schema."""
    dumped_by: int
    """Major version of pg_dump."""
    vectors: bool
    """Whether a view or table is of pgvector's type."""
    night: str | None
    """That readers saw."""
    erased: int
    """Users who were erased before."""
    settings: str
    """Name of the settings file."""
    files: Mapping[str, Facts]
    form: int = FORM
    airflow: str = ""
    """Version of the Airflow whose database is in it; empty where none is."""
    fernet: str = ""
    """SHA-256 of each key of that Airflow's connections, where the keys are not in it."""

    @property
    def bytes(self) -> int:
        """Of all its files."""
        return sum(facts.bytes for facts in self.files.values())


def new_folder(folder: Path) -> Path:
    """A folder that is new or empty, which only its owner may enter. Raises ConfigError."""
    folder = folder.expanduser().resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(
            expected="a folder that is new or empty",
            found="files in it" if folder.is_dir() else "a file",
            where=str(folder),
            remedy="name another folder, such as one with today's date",
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def copy(source: Path, target: Path) -> Facts:
    """Copy a file with its mode; what was read."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as given, target.open("wb") as kept:
        facts = pour(given, kept)
    shutil.copymode(source, target)
    return facts


def pour(given: IO[bytes], kept: IO[bytes]) -> Facts:
    """Copy a stream; what was read."""
    digest, size = hashlib.sha256(), 0
    while chunk := given.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
        kept.write(chunk)
    return Facts(size, digest.hexdigest())


def facts_of(path: Path) -> Facts:
    """What a written file is."""
    return Facts(path.stat().st_size, hash_file(path))


def write_about(folder: Path, about: About) -> None:
    """Make the folder a backup."""
    write_whole(folder / ABOUT, json.dumps(asdict(about), indent=1), private=True)


def read_about(folder: Path) -> About:
    """What a backup says of itself. Raises ConfigError for a folder that is none."""
    try:
        said: dict[str, Any] = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        files = {name: Facts(**facts) for name, facts in said.pop("files").items()}
        about = About(**said, files=files)
    except FileNotFoundError as error:
        raise _no_backup(folder, f"no {ABOUT}") from error
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise _no_backup(folder, f"{ABOUT} that cannot be read ({type(error).__name__})") from error
    if about.form != FORM:
        raise _no_backup(folder, f"a backup of form {about.form}, made by {about.version}")
    return about


def check(folder: Path, about: About) -> None:
    """Read every file. Raises ArtifactError that names those which are not what was written."""
    wrong = list(_damages(folder, about))
    if wrong:
        raise ArtifactError(
            expected=f"the {len(about.files):,} files of the backup, as they were written",
            found=offenders(wrong),
            where=str(folder),
            remedy="copy the backup again from where it was kept, or restore an earlier one",
        )


def _damages(folder: Path, about: About) -> Iterator[str]:
    for name, facts in about.files.items():
        path = folder / name
        if not path.is_file():
            yield f"{name}: not there"
        elif path.stat().st_size != facts.bytes:
            yield f"{name}: {path.stat().st_size:,} bytes instead of {facts.bytes:,}"
        elif hash_file(path) != facts.sha256:
            yield f"{name}: other bytes"


def _no_backup(folder: Path, found: str) -> ConfigError:
    return ConfigError(
        expected="a folder that a finished `recsys backup` of this version wrote",
        found=found,
        where=str(folder),
        remedy="name the folder with backup.json; a backup that was cut short has none",
    )
