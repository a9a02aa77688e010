"""Stage `extract`: bring the raw tables up to the cutoff."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from recsys_tasks.stages.stage import Stage

if TYPE_CHECKING:
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage(
    "extract",
    minutes=120,
    takes_turns=True,
    reads=("extract", "raw_events", "raw_users", "raw_items"),
    makes=("extract", "raw_events", "raw_users", "raw_items"),
)


def run(night: Night) -> Outcome:
    """Read what the source has that is new. Raises RecsysError as the source does."""
    from recsys_tasks.snapshot.extract import extract
    from recsys_tasks.sources.base import open_source
    from recsys_tasks.stages.outcome import Outcome

    with closing(open_source(night.config, night.environment.home)) as source:
        done = extract(night.config, night.lake, source, night.as_of, night.now)
    figures = {
        "new_days": len(done.new_days),
        "changed_days": len(done.changed_days),
        "future_rows": done.future_rows,
    }
    why = {f"{reason}_times": rows for reason, rows in done.undated_why.items()}
    figures |= {name: rows for name, rows in {"later_rows": done.later_rows, **why}.items() if rows}
    return Outcome(done.artifact, done.rows, figures)
