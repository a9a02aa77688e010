"""Run a migration's SQL file, or the file of a view or function, on Alembic's own connection."""

from __future__ import annotations

from pathlib import Path

from alembic import op

from recsys_tasks.database import objects

SQL = Path(__file__).parent / "sql"


def run_file(name: str) -> None:
    """Execute every statement of `sql/<name>.sql`, which is about tables."""
    # The driver's own call: no parameter parsing, so `:` and `%` of SQL stay what they are.
    op.get_bind().connection.cursor().execute((SQL / f"{name}.sql").read_text())


def run_objects(*names: str) -> None:
    """Create functions that triggers of this migration's tables call; all others come after it."""
    for name in names:
        objects.run_object(op.get_bind(), name)


def run_later(statement: str) -> None:
    """Execute a statement that calls a function of ours once the views and functions are made."""
    config = op.get_context().config
    assert config is not None
    config.attributes["later"].append(statement)
