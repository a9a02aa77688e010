"""A person's commands: what readers see (roll back, resume), and which release is champion
(promote, roll back).

`now` is the world's time; what is written down is in the shop's clock, like the nights beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from recsys_tasks.config import load_config
from recsys_tasks.database import create_engine, database_url
from recsys_tasks.errors import ServingError
from recsys_tasks.serving import pointer
from recsys_tasks.stages.night import Night, local_environment
from recsys_tasks.stages.shop_clock import shop_time


def roll_back(to: int | None, *, who: str, why: str, now: datetime) -> str:
    """Show an earlier publication and set a hold; one line on what readers see now. Raises
    ServingError.
    """
    with local_environment() as environment:
        engine = create_engine(database_url(environment))
        shown = pointer.rollback(engine, who=who, why=why, now=shop_time(engine, now), to=to)
        engine.dispose()
    return (
        f"readers see publication {shown.id} of {shown.as_of}; nights are held back until `recsys"
        " resume`"
    )


def resume(*, who: str, now: datetime) -> str:
    """End the hold and show the newest ready publication; one line on what readers see now."""
    with local_environment() as environment:
        engine = create_engine(database_url(environment))
        shown = pointer.resume(engine, who=who, now=shop_time(engine, now))
        engine.dispose()
    seen = "no publication waited"
    if shown is not None:
        seen = f"readers see {shown.id} of {shown.as_of}"
    return f"the hold is over; {seen}"


def promote(release: str, *, who: str, why: str, now: datetime) -> str:
    """Make a registered release champion; one line on what changed. Raises ServingError when it
    cannot serve.
    """
    with _registry_of(now) as night:
        from recsys_tasks.stages.judge import why_unusable

        before, reason = night.registry.champion(), why_unusable(night, release)
        if reason is not None:
            raise ServingError(
                expected=f"a release that can serve under the name {release}",
                found=reason,
                where=f"the registry and {night.lake.root}",
                remedy="`recsys releases` lists the known ones; name one whose files are there",
            )
        night.registry.promote(release, who=who, why=why, at=night.now)
    return (
        f"champion is {release}, before {before or 'none'}; readers see it from the next"
        " publication on"
    )


def roll_back_release(*, who: str, why: str, now: datetime) -> str:
    """Return to the champion before this one; one line on what changed. Raises ServingError when
    there is none.
    """
    with _registry_of(now) as night:
        before = night.registry.champion()
        release = night.registry.rollback(who=who, why=why, at=night.now)
    return (
        f"champion is {release} again, before {before}; readers see it from the next publication on"
    )


@contextmanager
def _registry_of(now: datetime) -> Iterator[Night]:
    with local_environment() as environment:
        engine = create_engine(database_url(environment))
        now = shop_time(engine, now)
        engine.dispose()
        night = Night(load_config(environment.config_path), environment, now.date(), now)
        yield night
        night.engine.dispose()
