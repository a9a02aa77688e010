"""What a stage function hands back to the runner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from recsys_tasks.lake import Artifact

Figure = str | int | float | bool | None


@dataclass(frozen=True)
class Outcome:
    """The artifact that the stage stands for, its rows, its key figures; `note` replaces an
    artifact.
    """

    artifact: Artifact | None
    rows: int
    figures: Mapping[str, Figure] = field(default_factory=dict)
    note: str = ""

    @property
    def reference(self) -> str:
        """What tables and XComs carry."""
        return self.artifact.reference if self.artifact else self.note
