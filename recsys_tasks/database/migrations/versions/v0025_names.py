"""Names of candidate generators and reasons as rows, so that a generator of a user's own package
has its name in the views.
"""

from __future__ import annotations

from recsys_tasks.database.migrations.run import run_file

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Add the names of all that publications hold so far."""
    run_file("0025_names")
