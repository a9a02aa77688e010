"""Alerts on the live page: what is open, with what to type, and what is over."""

from __future__ import annotations

import re

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
_COMMAND = re.compile(r"\b(?:recsys|airflow|make) [a-z][^;`()]*")


def open_alerts(live: Live) -> Section | None:
    """The open alerts, then those that are over; None where there never was one."""
    if not live.alerts and not live.over:
        return None
    blocks: list[Block] = []
    if live.alerts:
        rows = tuple(_open(alert) for alert in live.alerts)
        blocks.append(Table(_OPEN, rows))
    if live.over:
        rows = tuple(_over(alert) for alert in live.over)
        blocks.append(
            Table(
                _OVER,
                rows,
                caption=f"{plural(len(rows), 'alert')} that came to an end, the newest first",
                folded=True,
            )
        )
    says = "What needs a person, the worst first." if live.alerts else "No alert is open."
    return Section("alarms" if live.alerts else "alerts", "Alerts", says, tuple(blocks))


def _open(alert: Row) -> tuple[Cell, ...]:
    tone: Tone = "bad" if alert["severity"] == "critical" else "warn"
    page = alert["runbook"] or ""
    return (
        Cell(alert["severity"], tone),
        *cells(alert["kind"], _night(alert), f"{alert['raised_at']:%m-%d %H:%M}"),
        *cells(alert["message"], _who(alert), alert["reader_state"] or ""),
        Cell(alert["remedy"] or "", command=_command(alert["remedy"] or "")),
        Cell(page.rpartition("/")[2], link=page if page.startswith("https://") else ""),
    )


def _who(alert: Row) -> str:
    """Who said that they are at it, since when, and their note."""
    if not alert["acknowledged_at"]:
        return "nobody yet"
    words = f"{alert['acknowledged_by']} since {alert['acknowledged_at']:%m-%d %H:%M}"
    return ": ".join(filter(None, [words, alert["acknowledged_note"]]))


def _command(remedy: str) -> str:
    """The last command of a remedy, which is what ends the incident; empty without one."""
    found = _COMMAND.findall(remedy)
    return found[-1].strip(" .,") if found else ""


def _over(alert: Row) -> tuple[Cell, ...]:
    times = [f"{alert[name]:%m-%d %H:%M}" for name in ("raised_at", "resolved_at")]
    return cells(alert["severity"], alert["kind"], _night(alert), *times, alert["message"])


def _night(alert: Row) -> str:
    return str(alert["as_of"] or "")
