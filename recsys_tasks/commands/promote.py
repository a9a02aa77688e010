"""`recsys promote`: make a release champion, whatever the gate said of it."""

from __future__ import annotations

from datetime import datetime

from recsys_tasks.commands.shop_services import night_of_now
from recsys_tasks.errors import ServingError


def promote(release: str, *, who: str, why: str, now: datetime) -> str:
    """Make a registered release champion; one line on what changed. Raises ServingError when it
    cannot serve.
    """
    with night_of_now(now) as night:
        before, reason = night.registry.champion(), night.serving.why_unusable(release)
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
