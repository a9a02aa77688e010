"""Run a migration's SQL file on Alembic's own connection."""

from __future__ import annotations

from pathlib import Path

from alembic import op

SQL = Path(__file__).parent / "sql"


def run_file(name: str, *, replacing: bool = False) -> None:
    """Execute every statement of `sql/<name>.sql`; `replacing`: the functions that it creates are
    there already.
    """
    statements = (SQL / f"{name}.sql").read_text()
    if replacing:
        statements = statements.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    # The driver's own call: no parameter parsing, so `:` and `%` of SQL stay what they are.
    op.get_bind().connection.cursor().execute(statements)
