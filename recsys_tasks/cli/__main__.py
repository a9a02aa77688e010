"""`python -m recsys_tasks.cli`: the `recsys` command of this checkout."""

from recsys_tasks.cli import app

app()
