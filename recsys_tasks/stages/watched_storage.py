"""Whether the file systems of the home and of a local lake have room for the nights to come."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from recsys_tasks.config import Environment
from recsys_tasks.monitoring.alarms import Alarm, kind_of
from recsys_tasks.monitoring.alerts.alert import Alert
from recsys_tasks.monitoring.alerts.build import alarm_alert
from recsys_tasks.monitoring.alerts.spool import spool_of

_FULL = os.strerror(errno.ENOSPC)


def tell_of_storage(
    environment: Environment,
    least_share: float,
    runbooks: str,
    now: datetime,
    raise_: Callable[[Alert], bool],
) -> list[str]:
    """Raise the alarm once while it lasts, and end it after; what was found, in words. A failed
    task that found the disk full has told of it already.
    """
    spool = spool_of(environment)
    alarm = low_storage(environment, least_share)
    if alarm is None:
        spool.resolve(lambda alert: alert.kind == "storage", "there is room again", now)
        return []
    open_now = [record.alert for record in spool.open()]
    if not any(one.kind == "storage" or _FULL in one.message for one in open_now):
        raise_(
            alarm_alert(
                alarm,
                as_of=now.date(),
                reader_state="readers keep the lists that they have",
                remedy=kind_of(alarm.kind).remedy,
                runbooks=runbooks,
                now=now,
            )
        )
    return [alarm.words]


def low_storage(environment: Environment, least_share: float) -> Alarm | None:
    """The alarm of file systems with less than `least_share` of them free; None where all have
    more. Folders that do not exist, and lakes in an object store, are not looked at.
    """
    low = [
        (folder, usage)
        for folder in _folders(environment)
        if (usage := shutil.disk_usage(folder)).free < least_share * usage.total
    ]
    if not low:
        return None
    words = "; ".join(
        f"{usage.free / 1e9:.1f} of {usage.total / 1e9:.1f} GB are free where {folder} is"
        for folder, usage in low
    )
    share = min(usage.free / usage.total for _, usage in low)
    return Alarm("storage", "free_share", least_share, share, f"storage is almost full: {words}")


def _folders(environment: Environment) -> Iterator[Path]:
    """One folder of each file system."""
    seen = set[int]()
    for folder in (environment.home, Path(environment.lake), environment.home / "postgres"):
        if ("://" in environment.lake and folder == Path(environment.lake)) or not folder.exists():
            continue
        if (device := folder.stat().st_dev) not in seen:
            seen.add(device)
            yield folder
