"""The spool of alerts: files first, so that no outage loses one, then every channel until it took it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from recsys_tasks.monitoring.alerts import Alert

Channel = Callable[[Alert], None]
"""Sends one alert; raises when it could not."""
Table = Callable[[Alert, Sequence[str]], None]
"""Keeps one alert and the names of the channels that took it; raises when it could not."""
TABLE = "table"
_KEPT_DELIVERED = 500


def spool_of(home: Path) -> Spool:
    """The spool under RECSYS_HOME."""
    return Spool(home / "alerts" / "spool")


def raise_alert(home: Path, alert: Alert) -> bool:
    """Keep an alert until every channel took it; False when its incident is known already."""
    return spool_of(home).add(alert)


class Spool:
    """Alerts as files in one folder: `<incident>.json` holds the alert and which channels took it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, alert: Alert) -> bool:
        """Keep an alert; False when its incident is known already."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{alert.incident}.json"
        try:
            with path.open("x") as handle:  # fails when it exists: two callbacks may race
                json.dump({"alert": asdict(alert), "delivered": []}, handle, indent=1)
        except FileExistsError:
            return False
        return True

    def all(self) -> list[tuple[Alert, list[str]]]:
        """Every kept alert and the channels that took it, oldest first."""
        found = []
        for path in self.folder.glob("*.json"):
            try:
                record = json.loads(path.read_text())
                found.append((Alert(**record["alert"]), list(record["delivered"])))
            except (ValueError, TypeError, KeyError, OSError):
                continue  # being written, or not ours: the next delivery sees it
        return sorted(found, key=lambda pair: (pair[0].raised_at, pair[0].incident))

    def mark(self, alert: Alert, channels: Iterable[str]) -> None:
        """Note which channels took the alert."""
        path = self.folder / f"{alert.incident}.json"
        draft = path.with_suffix(".tmp")
        draft.write_text(json.dumps({"alert": asdict(alert), "delivered": sorted(channels)}, indent=1))
        draft.replace(path)

    def trim(self, channels: Sequence[str]) -> None:
        """Forget the oldest alerts that every channel took, beyond a few hundred."""
        done = [alert for alert, delivered in self.all() if set(channels) <= set(delivered)]
        for alert in done[:-_KEPT_DELIVERED]:
            (self.folder / f"{alert.incident}.json").unlink(missing_ok=True)


def deliver(spool: Spool, channels: Mapping[str, Channel], table: Table | None) -> str:
    """Offer each alert to the channels and the table that lack it; one line on how it went. Never raises."""
    sent = 0
    failures: list[str] = []
    for alert, delivered in spool.all():
        new = [n for n in channels if n not in delivered and _offered(n, channels[n], alert, failures)]
        taken = sorted({*delivered, *new})
        if table and (new or TABLE not in taken) and _kept(table, alert, taken, failures):
            taken = sorted({*taken, TABLE})
        if taken != delivered:
            spool.mark(alert, taken)
        sent += len(new)
    spool.trim([*channels, TABLE])
    return f"{sent} alert(s) sent" + (f"; failed: {'; '.join(failures[:3])}" if failures else "")


def _offered(name: str, channel: Channel, alert: Alert, failures: list[str]) -> bool:
    try:
        channel(alert)
    except Exception as error:  # one broken channel must not silence the others
        failures.append(f"{name}: {type(error).__name__}: {error}")
        return False
    return True


def _kept(table: Table, alert: Alert, taken: Sequence[str], failures: list[str]) -> bool:
    return _offered(TABLE, lambda a: table(a, [n for n in taken if n != TABLE]), alert, failures)
