"""The last nights on the live page: how far each came, its figures, and what the gate said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recsys_tasks.monitoring.run_report.blocks import (
    Block,
    Cell,
    Chart,
    Note,
    Section,
    Series,
    Table,
    Tone,
    cells,
    change,
)
from recsys_tasks.monitoring.tonight.facts import NIGHTS, Live, Row

_VERDICTS: dict[str, Tone] = {
    "promote": "good",
    "reject": "plain",
    "hold": "warn",
    "refuse": "bad",
}
_TRENDS: dict[str, dict[str, str]] = {
    "Realised NDCG@10": {"ndcg": "lists", "popular_ndcg": "popular items"},
    "Realised hit rate@10": {"hit_rate": "lists", "popular_hit_rate": "popular items"},
    "NDCG@10 on the gate window": {
        "challenger_ndcg": "challenger",
        "champion_ndcg": "champion",
        "popularity_ndcg": "popular items",
    },
    "Coverage of the items on offer": {"coverage": "coverage"},
    "Churn of the lists": {"churn": "churn"},
    "Users with a list": {"users": "users"},
    "Seconds of all stages": {"stage_seconds": "clock", "cpu_seconds": "processor"},
}
"""Title of a chart → column of the view `nights` → its name there."""
_STATES: dict[str, tuple[str, Tone]] = {
    "published": ("was shown", "good"),
    "held": ("rolled back", "warn"),
    "ready": ("waits", "warn"),
    "failed": ("refused", "bad"),
    "building": ("being made", "plain"),
}


def grid(live: Live) -> Section:
    """A row a night: each part done or not, the verdict, its lists; it leads to the report."""
    names = list(live.stages)
    head = ("night", *names, "verdict", "lists", "users", "minutes", "alerts")
    rows = tuple(_night(live, night) for night in live.nights)
    numbers = frozenset(range(len(head) - 3, len(head)))
    says = (
        f"Newest first, at most {NIGHTS}; each leads to its run report. Minutes: of its stages'"
        " runs together."
    )
    table = Table(head, rows, numbers=numbers, stacked=False)
    return Section("nights", "Nights", says, (table,))


def _night(live: Live, night: Row) -> tuple[Cell, ...]:
    day, done = night["as_of"], live.finished.get(night["as_of"], {})
    verdict = night["verdict"]
    seconds = night["stage_seconds"]
    state, tone = _STATES.get(night["status"], ("none", "plain"))
    if day == live.status["as_of"]:
        state = "shown now"
    return (
        Cell(str(day), link=f"report/{day}"),
        *(_part(names, done) for names in live.stages.values()),
        Cell(verdict or "–", _VERDICTS.get(verdict, "plain")),
        Cell(state, tone),
        *cells(night["users"], None if seconds is None else round(float(seconds) / 60, 1)),
        Cell(str(night["alerts"]), "warn" if night["alerts"] else "plain"),
    )


def _part(names: Sequence[str], done: Row) -> Cell:
    there = [name for name in names if name in done]
    if len(there) == len(names):
        return Cell("done", "good")
    return Cell("–") if not there else Cell(f"{len(there)} of {len(names)}", "warn")


def trends(live: Live) -> Section:
    """Figures of each night as lines, oldest first."""
    drawn = [_lines(live, title, columns) for title, columns in _TRENDS.items()]
    charts: tuple[Block, ...] = tuple(chart for chart in drawn if chart is not None)
    none = (Note("Two nights are needed for a line.", "plain"),)
    says = "What users did with the lists is known a night later; data dictionary: view nights."
    return Section("trends", "Trends", says, charts or none)


def _lines(live: Live, title: str, columns: Mapping[str, str]) -> Chart | None:
    """A chart of columns of the view; None where no column has two nights."""
    series = []
    for name, told in columns.items():
        known = [
            (str(n["as_of"]), float(n[name])) for n in live.nights[::-1] if n[name] is not None
        ]
        if len(known) > 1:
            days, values = zip(*known, strict=True)
            series.append(Series(told, days, values))
    return Chart("lines", title, "night", "", tuple(series), from_zero=True) if series else None


def gate(live: Live) -> Section:
    """Each night's gain over the champion with its interval, and the verdict in words."""
    judged = [night for night in live.nights if night["verdict"] is not None]
    known = [n for n in judged if n["gain"] is not None and n["gain_low"] is not None]
    blocks: list[Block] = []
    if known:
        days = tuple(f"{n['as_of']} {n['verdict']}" for n in known)
        gain, low, high = (
            tuple(float(n[name]) for n in known) for name in ("gain", "gain_low", "gain_high")
        )
        series = (Series("gain over the champion", days, gain, low, high),)
        note = "Relative gain on the gate window with its interval; right of the line is better."
        title = "Gain over the champion"
        blocks.append(Chart("ranges", title, "gain", "", series, note, reference=0.0, percent=True))
    rows = tuple(
        cells(
            Cell(str(night["as_of"]), link=f"report/{night['as_of']}"),
            Cell(night["verdict"], _VERDICTS.get(night["verdict"], "plain")),
            night["challenger"],
            night["champion"] or "none",
            change(night["gain"]),
            change(night["popularity_gain"]),
            night["first_failed_rule"] or "every rule was met",
        )
        for night in judged
    )
    head = (
        "night",
        "verdict",
        "challenger",
        "champion",
        "gain",
        "over popular",
        "first failed rule",
    )
    if rows:
        blocks.append(Table(head, rows, numbers=frozenset({4, 5})))
    none = (Note("No release was judged yet.", "plain"),)
    says = "Which release was promoted, and why not."
    return Section("gate", "Gate", says, tuple(blocks) or none)
