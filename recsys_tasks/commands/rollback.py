"""`recsys rollback`: an earlier publication for readers, or the champion before this one."""

from __future__ import annotations

from datetime import datetime

from recsys_tasks.commands.shop_services import night_of_now, shop_database
from recsys_tasks.serving import pointer


def roll_back(to: int | None, *, who: str, why: str, now: datetime) -> str:
    """Show an earlier publication and set a hold; one line on what readers see now. Raises
    ServingError.
    """
    with shop_database(now) as (engine, at):
        shown = pointer.rollback(engine, who=who, why=why, now=at, to=to)
    return (
        f"readers see publication {shown.id} of {shown.as_of}; later nights are made but not shown"
        " until `recsys resume`"
    )


def roll_back_release(*, who: str, why: str, now: datetime) -> str:
    """Return to the champion before this one; one line on what changed. Raises ServingError when
    there is none.
    """
    with night_of_now(now) as night:
        before = night.registry.champion()
        release = night.registry.rollback(who=who, why=why, at=night.now)
    return (
        f"champion is {release} again, before {before}; readers see it from the next publication on"
    )
