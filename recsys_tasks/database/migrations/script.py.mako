"""${message}"""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Say what is new. Tables only: views and functions stand in `sql/objects`."""
    run_file("${up_revision}")
