"""What a stage hands back to the runner, and what the runner makes of it for people and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

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


def plain_figures(facts: Mapping[str, object]) -> dict[str, Figure]:
    """The plain values among an artifact's facts: what fits a row of figures."""
    return {str(k): v for k, v in facts.items() if isinstance(v, str | int | float | bool)}


@dataclass(frozen=True)
class StageResult:
    """What a stage did: `rows` in its own grain, `figures` its key numbers, `reused` when nothing
    was new.
    """

    stage: str
    as_of: date
    artifact: str
    rows: int
    seconds: float
    figures: Mapping[str, Figure] = field(default_factory=dict)
    reused: bool = False

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
