"""What a finished attempt is to its readers, and a draft to its writer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from upath import UPath

from recsys_tasks.errors import ArtifactError
from recsys_tasks.lake.checksums import damage
from recsys_tasks.lake.keys import Reference
from recsys_tasks.lake.manifest import MANIFEST, content_of, damaged_error
from recsys_tasks.lake.remote import fetch


@dataclass(frozen=True)
class Artifact:
    """A finished attempt: `path` is a local folder. Of a remote lake it is this machine's cache,
    into which a file comes when it is first asked for.
    """

    kind: str
    key: str
    version: str
    path: Path
    manifest: Mapping[str, Any]
    revision: int = 0
    remote: UPath | None = None
    """Its folder in a remote lake."""

    @property
    def content(self) -> str:
        """Hash of all files' hashes: equal contents are equal inputs downstream. A revision keeps
        its first one.
        """
        return content_of(self.manifest)

    @property
    def rows(self) -> int:
        """Rows that the artifact holds, in its own grain."""
        return int(self.manifest["rows"])

    @property
    def facts(self) -> Mapping[str, Any]:
        """Figures that the stage wrote about itself."""
        facts: Mapping[str, Any] = self.manifest["facts"]
        return facts

    @property
    def reference(self) -> str:
        """`kind/key/version`: what a manifest, a table row or an XCom carries."""
        return str(Reference(self.kind, self.key, self.version))

    @property
    def where(self) -> str:
        """Its folder in the lake, for messages: this machine's copies are no other's."""
        return str(self.path if self.remote is None else self.remote)

    def file(self, name: str) -> Path:
        """Path of one file whose bytes are those that were written. Raises ArtifactError
        otherwise.
        """
        if name not in self.manifest["files"]:
            raise ArtifactError(
                expected=f"file {name!r}",
                found="not in the manifest",
                where=str(self.path / MANIFEST),
                remedy=(
                    "another version of the program wrote this; run the night again from its first"
                    " stage"
                ),
            )
        path = self.copied(name)
        found = damage(path, self.manifest["files"][name])
        if found is not None:
            raise damaged_error(
                path, f"the {self.manifest['files'][name]['bytes']:,} bytes written", found
            )
        return path

    def copied(self, name: str) -> Path:
        """Path of one file on this machine, whatever is in it."""
        if self.remote is not None:
            fetch(self.remote / name, self.path / name, self.manifest["files"][name]["bytes"])
        return self.path / name

    def folder(self, name: str = "") -> Path:
        """Path of the artifact's folder, or of one in it, every file below verified. Raises
        DamagedArtifact.
        """
        for file in self.manifest["files"]:
            if not name or file.startswith(f"{name}/"):
                self.file(file)
        return self.path / name

    def damages(self) -> list[tuple[Path, str]]:
        """(file, what is wrong with it) for every file that is not what was written."""
        files = {self.copied(name): facts for name, facts in self.manifest["files"].items()}
        return [
            (path, found)
            for path, facts in files.items()
            if (found := damage(path, facts)) is not None
        ]


@dataclass(frozen=True)
class Damaged:
    """A finished attempt in the folder `name`, and (file, what is wrong with it) for each of its
    damaged files.
    """

    kind: str
    key: str
    name: str
    files: tuple[tuple[str, str], ...]

    @property
    def reference(self) -> str:
        """`kind/key/folder`."""
        return str(Reference(self.kind, self.key, self.name))


@dataclass
class Draft:
    """An attempt being written: put files under `path`, then set `rows` and `facts`; `inputs` is
    for revisions.
    """

    path: Path
    rows: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    artifact: Artifact | None = None

    @property
    def finished(self) -> Artifact:
        """The artifact that it has become. Raises ValueError while it is still being written."""
        if self.artifact is None:
            raise ValueError(f"{self.path} is still being written")
        return self.artifact
