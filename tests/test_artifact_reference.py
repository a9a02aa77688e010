"""docs/reference/artifacts.md says what is declared, and what is declared is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from recsys_tasks.commands.artifact_reference import artifact_reference
from recsys_tasks.lake import code_of
from recsys_tasks.lake.kinds import Kind, catalogue

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "artifacts.md"


def test_the_reference_of_artifacts_is_current() -> None:
    assert PAGE.read_text() == artifact_reference(), (
        "run: python -m recsys_tasks.commands.artifact_reference > docs/reference/artifacts.md"
    )


@pytest.mark.parametrize("kind", catalogue().values(), ids=catalogue())
def test_every_kind_of_artifact_is_made_by_modules_that_are_there(kind: Kind) -> None:
    assert len(code_of(kind)) == 16, f"correct made_by of {kind.name} in its kinds.py"
