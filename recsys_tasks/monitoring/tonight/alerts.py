"""Alerts on the live page: what is open, with what to type, and what is over."""

from __future__ import annotations

import re
from collections.abc import Sequence
from textwrap import shorten

from recsys_tasks.monitoring.run_report.blocks import (
    Block,
    Cell,
    Section,
    Table,
    Tone,
    cells,
    plural,
)
from recsys_tasks.monitoring.tonight.facts import Live, Row

_OPEN = (
    *("severity", "kind", "night", "since", "what broke", "who is at it", "readers then"),
    *("what to do", "runbook"),
)
_OVER = ("severity", "kind", "night", "raised", "over", "what broke")
_SHORT = 160
"""Characters of a remedy or a cause that are read at a glance; a longer one is opened."""
_OWN_RUNBOOK = re.compile(r"[\w./-]*[\w-]+\.md")
_FOUND = re.compile(r"^\s*found: (.+)$", re.MULTILINE)
_COMMAND = re.compile(r"\b(?:recsys|airflow|make) [a-z][^;`()]*")


def open_alerts(live: Live) -> Section | None:
    """The open alerts, then those that are over; None where there never was one."""
    if not live.alerts and not live.over:
        return None
    blocks: list[Block] = []
    if live.alerts:
        blocks.append(alert_table(live.alerts))
    if live.over:
        blocks.append(over_table(live.over))
    says = "What needs a person, the worst first." if live.alerts else "No alert is open."
    return Section("alarms" if live.alerts else "alerts", "Alerts", says, tuple(blocks))


def alert_table(alerts: Sequence[Row]) -> Table:
    """Open alerts, with what to type."""
    return Table(_OPEN, tuple(_open(alert) for alert in alerts))


def over_table(alerts: Sequence[Row]) -> Table:
    """Alerts that are over, folded."""
    caption = f"{plural(len(alerts), 'alert')} that came to an end, the newest first"
    return Table(_OVER, tuple(_over(alert) for alert in alerts), caption=caption, folded=True)


def _open(alert: Row) -> tuple[Cell, ...]:
    tone: Tone = "bad" if alert["severity"] == "critical" else "warn"
    page, remedy = alert["runbook"] or "", alert["remedy"] or ""
    broke, _, told = alert["message"].partition("\n")
    short = remedy if len(remedy) <= _SHORT else ""
    return (
        Cell(alert["severity"], tone),
        *cells(alert["kind"], _night(alert), f"{alert['raised_at']:%m-%d %H:%M}"),
        *cells(Cell(broke + _cause(told), more=told), _who(alert), alert["reader_state"] or ""),
        Cell(short, command=_command(remedy), more="" if short else remedy),
        _runbook(page),
    )


def _cause(told: str) -> str:
    """What an error found, to stand behind what broke; empty where it says nothing of it."""
    found = _FOUND.search(told)
    return f": {shorten(found[1], _SHORT, placeholder=' …')}" if found else ""


def _who(alert: Row) -> str:
    """Who said that they are at it, since when, and their note."""
    if not alert["acknowledged_at"]:
        return "nobody yet"
    words = f"{alert['acknowledged_by']} since {alert['acknowledged_at']:%m-%d %H:%M}"
    return ": ".join(filter(None, [words, alert["acknowledged_note"]]))


def _runbook(page: str) -> Cell:
    """A runbook of the project's own folder is a page beside this one."""
    name = page.rpartition("/")[2]
    if page.startswith("https://"):
        return Cell(name, link=page)
    return Cell(name, link=f"runbook/{name}" if _OWN_RUNBOOK.fullmatch(page) else "")


def _command(remedy: str) -> str:
    """The last command of a remedy, which is what ends the incident; empty without one."""
    found = _COMMAND.findall(remedy)
    return found[-1].strip(" .,") if found else ""


def _over(alert: Row) -> tuple[Cell, ...]:
    times = [f"{alert[name]:%m-%d %H:%M}" for name in ("raised_at", "resolved_at")]
    return cells(alert["severity"], alert["kind"], _night(alert), *times, alert["message"])


def _night(alert: Row) -> Cell:
    night = str(alert["as_of"] or "")
    return Cell(night, link=f"report/{night}" if night else "")
