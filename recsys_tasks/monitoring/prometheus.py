"""The pipeline's figures in Prometheus' text format, read with a reader's rights.

Names of figures are labels, so that a new one needs no change here. Nothing of it names a user.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine, text

from recsys_tasks.config.nights import Nights
from recsys_tasks.errors import RecsysError

_STATUS = text("SELECT * FROM recsys.status")
_ALERTS = text(
    "SELECT kind, severity, count(*) AS number FROM recsys.alerts WHERE resolved_at IS NULL GROUP"
    " BY kind, severity ORDER BY kind, severity"
)
_FIGURES = text("""
SELECT DISTINCT ON (m.scope, m.name) m.scope, m.name, m.value, m.as_of
FROM recsys.metrics AS m
WHERE m.value IS NOT NULL AND m.as_of > (SELECT max(x.as_of) FROM recsys.metrics AS x) - 35
ORDER BY m.scope, m.name, m.as_of DESC
""")
_STAGES = text("""
SELECT DISTINCT ON (r.stage) r.stage, r.as_of, r.seconds, r.cpu_seconds, r.peak_bytes, r.rows,
       r.finished_at
FROM recsys.stage_runs AS r
ORDER BY r.stage, r.id DESC
""")
_VERDICT = text("SELECT verdict, as_of FROM recsys.gate_decisions ORDER BY id DESC LIMIT 1")
_OF_STAGES = {
    "stage_seconds": ("seconds", "Seconds that the stage's last run took."),
    "stage_cpu_seconds": ("cpu_seconds", "Seconds of processor time of the stage's last run."),
    "stage_peak_bytes": ("peak_bytes", "Most memory of the process of the stage's last run."),
    "stage_rows": ("rows", "Rows that the stage's last run made."),
}

Figures = Iterable[tuple[tuple[str, ...], float | None]]


def exposition(engine: Engine, now: datetime, nights: Nights | None) -> tuple[str, bool]:
    """The page that Prometheus reads, and whether the database answered: where not, it says just
    that. `nights`: when nights start and are expected; None of a simulated shop.
    """
    try:
        found = families(engine, now, nights)
    except RecsysError:
        found = [_up(0)]
    registry = CollectorRegistry()
    registry.register(_Read(found))
    return generate_latest(registry).decode(), len(found) > 1


def families(engine: Engine, now: datetime, nights: Nights | None) -> list[GaugeMetricFamily]:
    """Every figure of the page. Raises RecsysError where the database does not answer."""
    with engine.connect() as connection:
        return [_up(1), *_families(connection, now, nights)]


class _Read(Collector):
    """What was read, for the library that writes it."""

    def __init__(self, families: Iterable[GaugeMetricFamily]) -> None:
        self._families = list(families)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """As the library asks for it."""
        yield from self._families


def _families(
    connection: Connection, now: datetime, nights: Nights | None
) -> Iterator[GaugeMetricFamily]:
    shown = connection.execute(_STATUS).one()
    yield _gauge("on_hold", "1 while a person holds readers on earlier lists.", shown.on_hold)
    yield _gauge("publications_waiting", "Checked publications not shown.", shown.waiting)
    if shown.as_of is not None:
        yield _gauge("night_timestamp_seconds", "Night that readers see.", _start(shown.as_of))
        yield _gauge("lists", "Users with a list of their own.", shown.rows)
        yield _gauge(
            "lists_current_timestamp_seconds",
            "When readers' lists became current, in the shop's clock.",
            shown.moved_at.timestamp(),
        )
        age = shown.age.total_seconds()
        yield _gauge("lists_age_seconds", "Since then, in the shop's clock.", age)
    yield from _deadline(shown.as_of, now, nights)
    alerts = connection.execute(_ALERTS)
    found = [((row.kind, row.severity), float(row.number)) for row in alerts]
    yield _labelled("alerts_open", "Open alerts.", ("kind", "severity"), found)
    yield from _of_nights(connection)
    yield from _of_stages(connection)


def _deadline(
    shown: date | None, now: datetime, nights: Nights | None
) -> Iterator[GaugeMetricFamily]:
    if nights is None:
        return
    start = nights.last_start(now)
    night, deadline = nights.date_of(start), nights.deadline(start)
    words = "Night that started last by the schedule."
    yield _gauge("night_started_timestamp_seconds", words, _start(night))
    if deadline is None:
        return
    words = "When readers expect the lists of that night."
    yield _gauge("readers_deadline_timestamp_seconds", words, deadline.timestamp())
    missed = deadline <= now and (shown is None or shown < night)
    yield _gauge("readers_deadline_missed", "1 once it has passed without them.", missed)


def _of_nights(connection: Connection) -> Iterator[GaugeMetricFamily]:
    rows = connection.execute(_FIGURES).all()
    labels = ("scope", "name")
    yield _labelled(
        "figure",
        "Newest figure of recsys.metrics, of the last five weeks.",
        labels,
        [((row.scope, row.name), row.value) for row in rows],
    )
    yield _labelled(
        "figure_night_timestamp_seconds",
        "Night that the figure is about.",
        labels,
        [((row.scope, row.name), _start(row.as_of)) for row in rows],
    )
    verdict = connection.execute(_VERDICT).one_or_none()
    if verdict is not None:
        found = [((verdict.verdict,), _start(verdict.as_of))]
        yield _labelled("gate_night_timestamp_seconds", "Night judged last.", ("verdict",), found)


def _of_stages(connection: Connection) -> Iterator[GaugeMetricFamily]:
    rows = connection.execute(_STAGES).all()
    for name, (column, words) in _OF_STAGES.items():
        figures = [((row.stage,), getattr(row, column)) for row in rows]
        yield _labelled(name, words, ("stage",), figures)
    yield _labelled(
        "stage_finished_timestamp_seconds",
        "When the stage's last run ended.",
        ("stage",),
        [((row.stage,), row.finished_at.timestamp()) for row in rows],
    )


def _up(value: int) -> GaugeMetricFamily:
    return _gauge("up", "1 if readers' database answers.", value)


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"nightshelf_{name}", words, value=float(value))


def _labelled(
    name: str, words: str, labels: tuple[str, ...], figures: Figures
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"nightshelf_{name}", words, labels=labels)
    for of, value in figures:
        if value is not None:
            family.add_metric(of, float(value))
    return family


def _start(night: date) -> float:
    return datetime.combine(night, time(), UTC).timestamp()
