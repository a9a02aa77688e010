"""One night on a page of its own, for the tab that each of its runs and tasks has in Airflow: how
far it came, its alerts with what to type, and where to read on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy import Engine

from recsys_tasks.database import transaction
from recsys_tasks.monitoring.run_report.blocks import (
    Block,
    Card,
    Cell,
    Note,
    Page,
    Section,
    Table,
    Tone,
    cells,
    plural,
)
from recsys_tasks.monitoring.tonight.alerts import alert_table, over_table
from recsys_tasks.monitoring.tonight.facts import Readers, Row, read_readers
from recsys_tasks.monitoring.tonight.view import readers_line

_ALERTS = """
SELECT severity, kind, as_of, task, raised_at, resolved_at, message, reader_state, remedy, runbook,
  acknowledged_at, acknowledged_by, acknowledged_note
FROM recsys.alerts WHERE as_of = CAST(:night AS date)
ORDER BY resolved_at IS NOT NULL, (severity = 'critical') DESC, id DESC
"""
_DONE = """
SELECT split_part(stage, '.', 1) AS stage, max(finished_at) AS finished_at
FROM recsys.stage_runs WHERE as_of = CAST(:night AS date) GROUP BY 1
"""


@dataclass(frozen=True)
class OfNight:
    """What is known of a night."""

    night: date
    readers: Readers
    alerts: Sequence[Row]
    done: Mapping[str, datetime]


def read_night(engine: Engine, night: date) -> OfNight:
    """Ask the database, as the reader. Raises DatabaseError."""
    readers = read_readers(engine, str(night))
    with transaction(engine) as connection:
        connection.execute(sa.text("SET TRANSACTION READ ONLY"))
        of = {"night": night}
        alerts = [dict(row) for row in connection.execute(sa.text(_ALERTS), of).mappings()]
        done = {row.stage: row.finished_at for row in connection.execute(sa.text(_DONE), of)}
    return OfNight(night, readers, alerts, done)


@dataclass(frozen=True)
class Around:
    """What the caller knows: the shop, the time, a night's stages, the task that was clicked and
    what there is to read.
    """

    project: str
    now: datetime
    stages: Sequence[str]
    task: str
    links: Mapping[str, str]
    """Words → where they lead."""


def night_page(of: OfNight, around: Around) -> Page:
    """The page; alerts of the task that was clicked come first."""
    alerts = sorted(of.alerts, key=lambda alert: alert["task"] != around.task)
    still = [alert for alert in alerts if alert["resolved_at"] is None]
    over = [alert for alert in alerts if alert["resolved_at"] is not None]
    went, tone = _went(of, around, still)
    told = plural(len(still), "open alert") if still else "no open alert"
    blocks: list[Block] = [alert_table(still)] if still else [Note("No alert is open.", "good")]
    if over:
        blocks.append(over_table(over))
    return Page(
        title=f"{around.project}, the night of {of.night}",
        at=f"Looked up at {around.now:%Y-%m-%d %H:%M:%S} UTC.",
        headline=f"{went}; {told}.",
        tone=tone,
        cards=(Card("Readers", "What they see", readers_line(of.readers, str(of.night)), "plain"),),
        sections=(
            Section("alarms" if still else "alerts", "Alerts", "Of this night.", tuple(blocks)),
            _links(around.links),
        ),
    )


def _went(of: OfNight, around: Around, still: Sequence[Row]) -> tuple[str, Tone]:
    missing = [stage for stage in around.stages if stage not in of.done]
    if not missing:
        return f"All {len(around.stages)} stages are done", "good"
    done = f"{len(around.stages) - len(missing)} of {len(around.stages)} stages are done"
    if any(alert["severity"] == "critical" for alert in still):
        return f"{done}, {missing[0]} did not end", "bad"
    return f"{done}, next {missing[0]}", "plain"


def _links(links: Mapping[str, str]) -> Section:
    rows = tuple(cells(Cell(words, link=place)) for words, place in links.items())
    none = Note("Nothing was written yet.", "plain")
    block = Table(("read on",), rows, half=True, stacked=False) if rows else none
    return Section("read", "Read on", "What was written about this night.", (block,))
