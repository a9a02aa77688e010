"""The repeat policy and every block hold on every path of a reader, and a score is a chance or
null.
"""

from __future__ import annotations

from alembic import op

from recsys_tasks.database.migrations.run import run_file

revision = "0019"
down_revision = "0016"


def upgrade() -> None:
    """Add what is withheld from users and what is blocked, and replace what readers ask."""
    run_file("0019_paths")
    run_file("0019_recommend")
    run_file("0019_views")
    run_file("0019_erasure")


def downgrade() -> None:
    """Put the function and the views before them back."""
    op.execute("DROP INDEX recsys.item_out_of_stock")
    run_file("0010_recommend")
    run_file("0019_down")
