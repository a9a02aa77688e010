"""The stages of a night: one file each, the pipeline that orders them, and the runner.

Airflow imports this package in each of its processes, so what needs the lake or the database is
imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from recsys_tasks.stages.pipeline import (
    AFTER_APPROVAL,
    STAGE_NAMES,
    STAGES,
    STAGES_BY_DAG,
    stage_named,
)
from recsys_tasks.stages.stage import Stage

if TYPE_CHECKING:
    from recsys_tasks.stages.approval import awaits_approval
    from recsys_tasks.stages.night import Night, local_environment
    from recsys_tasks.stages.outcome import StageResult
    from recsys_tasks.stages.runner import run_all, run_on, run_stage
    from recsys_tasks.stages.sweep import run_maintain_storage

__all__ = [
    "AFTER_APPROVAL",
    "STAGES",
    "STAGES_BY_DAG",
    "STAGE_NAMES",
    "Night",
    "Stage",
    "StageResult",
    "awaits_approval",
    "local_environment",
    "run_all",
    "run_maintain_storage",
    "run_on",
    "run_stage",
    "stage_named",
]

_MODULES = {
    "Night": "night",
    "StageResult": "outcome",
    "awaits_approval": "approval",
    "local_environment": "night",
    "run_all": "runner",
    "run_maintain_storage": "sweep",
    "run_on": "runner",
    "run_stage": "runner",
}
"""Where each public name is that is not light."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
