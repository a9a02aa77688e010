"""The spool of alerts: a file an incident, so that no outage loses one, and none is sent twice.

A lock of the machine keeps its processes apart; processes of two machines that share no folder have
a spool each.

Where RECSYS_HOME cannot be written, a folder of the machine's takes the files until it can be
again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from recsys_tasks.dag_names import NIGHTLY_DAGS, plain_name
from recsys_tasks.monitoring.alerts.alert import DIGEST, WRONG_SETTINGS, Alert
from recsys_tasks.small_files import write_whole

TABLE = "table"
"""Stands among the channels for `recsys.alerts`."""
SENDING, SENT, UNCONFIRMED, FAILED = "sending", "sent", "unconfirmed", "failed"
LEFT_OUT = "left out"
"""State of a channel that is not to get an alert of this severity."""
SAME_CAUSE = timedelta(hours=24)
"""So long what an open incident breaks besides has no alert of its own."""
LEASE = timedelta(minutes=2)
"""A delivery that was not heard of for so long died; its message may have been sent."""
_KEPT_DELIVERED = 500


@dataclass(frozen=True)
class Attempt:
    """A channel's last try: how it stands, when it began, and how many there were."""

    state: str
    at: str
    count: int


@dataclass(frozen=True)
class Record:
    """An alert and how far its delivery is."""

    alert: Alert
    delivered: tuple[str, ...] = ()
    """Channels that took it, and TABLE."""
    audience: tuple[str, ...] | None = None
    """Channels that existed when it was first delivered; None before. One that comes later does not
    get old alerts.
    """
    attempts: Mapping[str, Attempt] = field(default_factory=dict)
    resolved_at: str = ""
    resolved_words: str = ""
    told: tuple[str, ...] = ()
    """Channels that heard that it is over, and TABLE."""
    repeats: int = 0
    """How often the same cause broke something else meanwhile."""
    acknowledged: str = ""
    """When a person said that they are at it: its channels get no further message but that it is
    over.
    """
    digested: str = ""
    """The incident of the digest that told channels of it."""
    version: int = 0
    """The larger one is the newer, where two folders hold it."""


def spool_of(home: Path) -> Spool:
    """The spool under RECSYS_HOME, with places of the machine's for when that cannot be written."""
    name = f"nightshelf-alerts-{os.getuid()}-{hashlib.sha256(str(home).encode()).hexdigest()[:12]}"
    return Spool(
        home / "alerts" / "spool", Path(tempfile.gettempdir()) / name, Path("/dev/shm") / name
    )


def raise_alert(home: Path, alert: Alert) -> bool:
    """Keep an alert until every channel took it; False when its incident is known already. Raises
    OSError.
    """
    return spool_of(home).add(alert)


class Spool:
    """Alerts as files `<incident>.json` in the first of these folders that can be written."""

    def __init__(self, folder: Path, *spares: Path) -> None:
        self.folder, self._spares = folder, spares

    def add(self, alert: Alert) -> bool:
        """Keep an alert; False when its incident is known already. Raises OSError when no folder
        can be written.

        With a cause that is open since less than a day it is the same incident, unless it is the
        failure of a night: that has a command of its own to be run, except where the settings file
        is wrong and no night can run. What an alarm tells of may come back after it was over; a
        failed run is told once, however late a callback comes.
        """
        with self._locked():
            records = self._read()
            before = records.pop(alert.incident, None)
            if before is not None and (alert.dag or not before.resolved_at):
                return False
            for record in records.values():
                if _covers(record, alert):
                    self._write(replace(record, repeats=record.repeats + 1))
                    return False
            self._write(Record(alert, version=before.version if before is not None else 0))
        return True

    def all(self) -> list[tuple[Alert, list[str]]]:
        """Every kept alert and the channels that took it, oldest first."""
        return [(record.alert, list(record.delivered)) for record in self.records()]

    def records(self) -> list[Record]:
        """Every kept alert and how far its delivery is, oldest first."""
        return sorted(self._read().values(), key=lambda r: (r.alert.raised_at, r.alert.incident))

    def open(self) -> list[Record]:
        """Incidents that are not over, oldest first."""
        return [record for record in self.records() if not record.resolved_at]

    def change(self, incident: str, change: Callable[[Record], Record | None]) -> Record | None:
        """One process at a time: replace a record by what `change` makes of it; None, there and
        here: leave it.

        Raises OSError when no folder can be written.
        """
        with self._locked():
            record = self._read_one(incident)
            changed = None if record is None else change(record)
            if changed is not None and changed != record:
                self._write(changed)
        return changed

    def resolve(self, over: Callable[[Alert], bool], words: str, now: datetime) -> int:
        """Mark open incidents as over; how many there were. `words` say what readers see now.
        Raises OSError.
        """
        at = now.isoformat(timespec="milliseconds")

        def end(record: Record) -> Record | None:
            return (
                None
                if record.resolved_at
                else replace(record, resolved_at=at, resolved_words=words)
            )

        found = [record for record in self.open() if over(record.alert)]
        return sum(self.change(record.alert.incident, end) is not None for record in found)

    def settle(self) -> None:
        """Take home what a spare folder took while the home could not be written."""
        for folder in self._folders():
            for path in sorted(folder.glob("*.json")) if folder != self.folder else ():
                with suppress(OSError), self._locked():
                    if (record := self._read_one(path.stem)) is not None:
                        self._write(record)

    def trim(self, channels: Sequence[str]) -> None:
        """Forget the oldest alerts that every channel took, beyond a few hundred."""
        done = [
            r.alert for r in self.records() if set(channels) <= {*r.delivered, *_never(r, channels)}
        ]
        for alert in done[:-_KEPT_DELIVERED]:
            for folder in self._folders():
                with suppress(OSError):
                    (folder / f"{alert.incident}.json").unlink(missing_ok=True)

    # --- files -----------------------------------------------------------------------------------

    def _folders(self) -> Iterator[Path]:
        """The home's, and those of the spares that are ours alone."""
        yield self.folder
        for spare in self._spares:
            with suppress(OSError):
                found = spare.lstat()
                if found.st_uid == os.getuid() and not spare.is_symlink():
                    yield spare

    def _read(self) -> dict[str, Record]:
        names = {path.stem for folder in self._folders() for path in folder.glob("*.json")}
        records = {name: self._read_one(name) for name in sorted(names)}
        return {record.alert.incident: record for record in records.values() if record is not None}

    def _read_one(self, incident: str) -> Record | None:
        found = [
            record
            for f in self._folders()
            if (record := _parse(f / f"{incident}.json")) is not None
        ]
        return max(found, key=lambda record: record.version, default=None)

    def _write(self, record: Record) -> None:
        """Whole or not at all, and in one folder only."""
        record = replace(record, version=record.version + 1)
        name, failure = f"{record.alert.incident}.json", OSError("no folder for alerts")
        text = json.dumps(_as_json(record), indent=1)
        for folder in (self.folder, *self._spares):
            try:
                folder.mkdir(
                    parents=True, exist_ok=True, mode=0o777 if folder == self.folder else 0o700
                )
                if folder not in self._folders():
                    continue
                write_whole(folder / name, text)
            except OSError as error:
                failure = error
                continue
            for other in self._folders():
                if other != folder:
                    with suppress(OSError):
                        (other / name).unlink(missing_ok=True)
            return
        raise failure

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among the processes of this machine; without a lock where no folder can hold
        one.
        """
        handle = next(filter(None, map(_lock_file, (self.folder, *self._spares))), None)
        if handle is None:
            yield
            return
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _covers(record: Record, alert: Alert) -> bool:
    """Whether an open incident is what the new alert is about."""
    same = alert.cause and record.alert.cause == alert.cause and not record.resolved_at
    if not same or (plain_name(alert.dag) in NIGHTLY_DAGS and alert.cause != WRONG_SETTINGS):
        return False
    return (
        datetime.fromisoformat(alert.raised_at) - datetime.fromisoformat(record.alert.raised_at)
        < SAME_CAUSE
    )


def _never(record: Record, channels: Iterable[str]) -> set[str]:
    """Channels that are not to get it."""
    if record.digested:
        return set(channels) - {TABLE}
    left_out = {name for name, attempt in record.attempts.items() if attempt.state == LEFT_OUT}
    left_out |= {TABLE} if record.alert.kind == DIGEST else set()
    if record.audience is None:
        return left_out
    return left_out | {name for name in channels if name not in (*record.audience, TABLE)}


def _lock_file(folder: Path) -> int | None:
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for flags in (
        os.O_RDWR | os.O_CREAT,
        os.O_RDONLY,
    ):  # a disk that became read-only may hold one already
        with suppress(OSError):
            return os.open(folder / ".lock", flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    return None


def _as_json(record: Record) -> dict[str, Any]:
    return {**asdict(record), "delivered": sorted(record.delivered)}


def _parse(path: Path) -> Record | None:
    """A record; None for a file that is missing, half written by an older version, or not ours."""
    try:
        raw = json.loads(path.read_text())
        known: dict[str, Any] = {k: v for k, v in raw.items() if k in Record.__dataclass_fields__}
        known["alert"] = Alert(**raw["alert"])
        for name in ("delivered", "audience", "told"):
            if known.get(name) is not None:
                known[name] = tuple(known[name])
        known["attempts"] = {
            name: Attempt(**attempt) for name, attempt in known.get("attempts", {}).items()
        }
        return Record(**known)
    except (ValueError, TypeError, KeyError, AttributeError, OSError):
        return None
