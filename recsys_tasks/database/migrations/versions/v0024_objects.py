"""Views and functions stand in files of their own; migrations from here on are about tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from recsys_tasks.database.migrations.run import run_file
from recsys_tasks.database.objects import create_objects

revision = "0024"
down_revision = "0020"

_COUNT = sa.text("""
SELECT recsys.count_entries(p.id), recsys.summarise_publication(p.id) FROM recsys.publication AS p
WHERE p.retired_at IS NULL AND p.status IN ('ready', 'published', 'held')
  AND NOT EXISTS (SELECT FROM recsys.list_count_rows AS x WHERE x.publication_id = p.id)
""")


def upgrade() -> None:
    """Add the record of the files; count publications of before 0004, which have no counts."""
    run_file("0024_objects")
    create_objects(op.get_bind())
    op.get_bind().execute(_COUNT)
