"""The spool of alerts: one text for each incident, so that no outage loses one, and none is
sent twice.

They are files of RECSYS_HOME or, where RECSYS_DATABASE_URL names a server of the network, rows that
every host has: a lock of the machine, and one of the database, keeps deliverers apart. Hosts whose
database does not answer have a spool each meanwhile, in their homes.

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
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from recsys_tasks.config import Environment
from recsys_tasks.dag_names import NIGHTLY_DAGS, plain_name
from recsys_tasks.monitoring.alerts.alert import DIGEST, WRONG_SETTINGS, Alert
from recsys_tasks.monitoring.alerts.kept_texts import (
    Folder,
    OwnFolder,
    Place,
    Shared,
    lock_of,
    shared_places,
)

TABLE = "table"
"""Stands among the channels for `recsys.alerts`."""
SENDING, SENT, UNCONFIRMED, FAILED = "sending", "sent", "unconfirmed", "failed"
LEFT_OUT = "left out"
"""State of a channel that is not to get an alert of this severity."""
SAME_CAUSE = timedelta(hours=24)
"""For so long, further failures by the cause of an open incident get no alert of their own."""
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


def spool_of(environment: Environment) -> Spool:
    """The spool of every host, or the one under RECSYS_HOME, with places of the machine's for when
    that cannot be written.
    """
    home = environment.home
    name = f"nightshelf-alerts-{os.getuid()}-{hashlib.sha256(str(home).encode()).hexdigest()[:12]}"
    return Spool(
        home / "alerts" / "spool",
        Path(tempfile.gettempdir()) / name,
        Path("/dev/shm") / name,
        shared=shared_places(environment, "alerts", "spool"),
    )


def raise_alert(environment: Environment, alert: Alert) -> bool:
    """Keep an alert until every channel took it; False when its incident is known already. Raises
    OSError.
    """
    return spool_of(environment).add(alert)


class Spool:
    """Alerts as texts named by their incidents, in the first of these places that takes them."""

    def __init__(self, folder: Path, *spares: Path, shared: Iterable[Shared] = ()) -> None:
        self._shared, self._folders = tuple(shared), (folder, *spares)
        self._places: tuple[Place, ...] = (*self._shared, Folder(folder), *map(OwnFolder, spares))

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
        """Take to the first place what another one took while that could not be had."""
        for place in self._places[1:]:
            with suppress(OSError):
                for incident in place.read_all():
                    with self._locked():
                        if (record := self._read_one(incident)) is not None:
                            self._write(record)

    def trim(self, channels: Sequence[str]) -> None:
        """Forget the oldest alerts that every channel took, beyond a few hundred."""
        done = [
            r.alert for r in self.records() if set(channels) <= {*r.delivered, *_never(r, channels)}
        ]
        for alert in done[:-_KEPT_DELIVERED]:
            self._forget(alert.incident, self._places)

    # --- places ----------------------------------------------------------------------------------

    def _read(self) -> dict[str, Record]:
        found: dict[str, Record] = {}
        for place in self._places:
            with suppress(OSError):
                for text in place.read_all().values():
                    _keep_newer(found, text)
        return found

    def _read_one(self, incident: str) -> Record | None:
        found: dict[str, Record] = {}
        for place in self._places:
            with suppress(OSError):
                _keep_newer(found, place.read(incident))
        return found.get(incident)

    def _write(self, record: Record) -> None:
        """Whole or not at all, and in one place only."""
        record = replace(record, version=record.version + 1)
        text, failure = json.dumps(_as_json(record), indent=1), OSError("no folder for alerts")
        for place in self._places:
            try:
                place.write(record.alert.incident, text)
            except OSError as error:
                failure = error
                continue
            self._forget(record.alert.incident, [p for p in self._places if p is not place])
            return
        raise failure

    def _forget(self, incident: str, places: Iterable[Place]) -> None:
        for place in places:
            with suppress(OSError):
                place.remove(incident)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among the processes of this machine, and of every host; without a lock where no
        place can hold one.
        """
        with ExitStack() as locks:
            for place in self._shared:
                with suppress(OSError):
                    locks.enter_context(place.locked())
            handle = next(filter(None, map(lock_of, self._folders)), None)
            if handle is not None:
                locks.callback(os.close, handle)
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield


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


def _as_json(record: Record) -> dict[str, Any]:
    return {**asdict(record), "delivered": sorted(record.delivered)}


def _keep_newer(found: dict[str, Record], text: str | None) -> None:
    """Keep the record that a text holds, unless a newer one is there."""
    record = None if text is None else _parse(text)
    if record is not None:
        before = found.get(record.alert.incident)
        if before is None or before.version < record.version:
            found[record.alert.incident] = record


def _parse(text: str) -> Record | None:
    """A record; None for a text that an older version half wrote, or that is not ours."""
    try:
        raw = json.loads(text)
        known: dict[str, Any] = {k: v for k, v in raw.items() if k in Record.__dataclass_fields__}
        known["alert"] = Alert(**raw["alert"])
        for name in ("delivered", "audience", "told"):
            if known.get(name) is not None:
                known[name] = tuple(known[name])
        known["attempts"] = {
            name: Attempt(**attempt) for name, attempt in known.get("attempts", {}).items()
        }
        return Record(**known)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
