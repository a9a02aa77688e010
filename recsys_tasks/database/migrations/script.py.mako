"""${message}"""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Say what is new."""
    run_file("${up_revision}")


def downgrade() -> None:
    """Say what is lost."""
    run_file("${up_revision}_down")
