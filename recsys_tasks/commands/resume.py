"""`recsys resume`: end the hold that a rollback set."""

from __future__ import annotations

from datetime import datetime

from recsys_tasks.commands.shop_services import shop_database
from recsys_tasks.serving import pointer


def resume(*, who: str, now: datetime) -> str:
    """End the hold and show the newest ready publication; one line on what readers see now."""
    with shop_database(now) as (engine, at):
        shown = pointer.resume(engine, who=who, now=at)
    seen = "no publication waited"
    if shown is not None:
        seen = f"readers see {shown.id} of {shown.as_of}"
    return f"the hold is over; {seen}"
