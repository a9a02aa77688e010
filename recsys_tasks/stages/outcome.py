"""The result of a stage: as the stage returns it, and as the runner records and prints it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from recsys_tasks.lake import Artifact

Figure = str | int | float | bool | None


@dataclass(frozen=True)
class Outcome:
    """What a stage returns: its artifact, number of rows and key figures; `note` says why there is
    no artifact.
    """

    artifact: Artifact | None
    rows: int
    figures: Mapping[str, Figure] = field(default_factory=dict)
    note: str = ""

    @property
    def reference(self) -> str:
        """The artifact's reference, or the note: the text in tables and XComs."""
        return self.artifact.reference if self.artifact else self.note


def plain_figures(facts: Mapping[str, object]) -> dict[str, Figure]:
    """Those of an artifact's facts that are a single text, number or boolean."""
    return {str(k): v for k, v in facts.items() if isinstance(v, str | int | float | bool)}


@dataclass(frozen=True)
class StageResult:
    """The record of a stage's run: `rows` of its artifact, `figures` its key figures, `reused`
    whether the artifact was there before; `cpu_seconds` and `peak_bytes` are of its process and
    that one's children, None where nobody measured.
    """

    stage: str
    as_of: date
    artifact: str
    rows: int
    seconds: float
    figures: Mapping[str, Figure] = field(default_factory=dict)
    reused: bool = False
    cpu_seconds: float | None = None
    peak_bytes: int | None = None

    def summary(self) -> str:
        """One line for people and logs."""
        figures = ", ".join(
            f"{name} {_shown(value)}" for name, value in self.figures.items() if value is not None
        )
        how = "unchanged" if self.reused else f"{self.seconds:.1f} s"
        return f"{self.as_of} {self.stage}: {self.rows} rows, {how}" + (
            f" ({figures})" if figures else ""
        )


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
