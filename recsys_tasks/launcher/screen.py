"""The demo's last screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from recsys_tasks.launcher.demo import DemoResult
from recsys_tasks.launcher.progress import figures_line

_REASONS = {
    "for_you": "for you",
    "again": "you had it before",
    "popular": "popular in your segment",
    "trending": "trending",
    "new": "new",
    "promoted": "promoted",
}

_LEDGER = (
    "start",
    "kept",
    "new",
    "archived",
    "examples",
    "replayed",
    "drift",
    "recall_before",
    "recall_after",
    "seconds",
)


def show(console: Console, result: DemoResult) -> None:
    """Print everything that the nights left behind."""
    console.print()
    console.rule("[bold]Three nights")
    console.print(_stages(result))
    console.print(_towers(result))
    console.print(_panel("Gate: may tonight's release replace the champion?", _decisions(result)))
    console.print(_panel("The alert that on-call got", _alerts(result), "red"))
    console.print(_list(result))
    console.print(_panel("Totals", _totals(result), "green"))


def _stages(result: DemoResult) -> Table:
    table = Table(title="Stages", title_justify="left", expand=False)
    for name, justify in (
        ("night", "left"),
        ("stage", "left"),
        ("seconds", "right"),
        ("rows", "right"),
    ):
        table.add_column(name, justify="right" if justify == "right" else "left", no_wrap=True)
    table.add_column("figures", overflow="fold")
    last = None
    for row in result.report.stages:
        if last not in (None, row["as_of"]):
            table.add_section()
        night = "" if last == row["as_of"] else str(row["as_of"])
        table.add_row(
            night,
            row["stage"],
            f"{row['seconds']:.1f}",
            f"{row['rows'] or 0:,}",
            figures_line(row, 6),
        )
        last = row["as_of"]
    return table


def _towers(result: DemoResult) -> RenderableType:
    rows = result.report.towers
    table = Table(title="Warm-start ledger of the two-tower model", title_justify="left")
    for name in ("learned before", *(n.replace("_", " ") for n in _LEDGER)):
        table.add_column(name, justify="right")
    for row in rows:
        ledger = _plain(row["ledger"])
        table.add_row(str(row["learned_before"]), *(_cell(ledger.get(name)) for name in _LEDGER))
    return table


def _decisions(result: DemoResult) -> RenderableType:
    lines = [
        Text.assemble((f"{d['as_of']} {d['verdict']}: ", "bold"), d["paragraph"])
        for d in result.report.decisions
    ]
    return Group(*lines) if lines else Text("no decision was taken")


def _alerts(result: DemoResult) -> RenderableType:
    lines = []
    for alert in result.report.alerts:
        lines.append(Text(f"[{alert['severity']}] {alert['message']}"))
        lines.append(
            Text(
                f"readers: {alert['reader_state']}\nto do: {alert['remedy']}\nrunbook:"
                f" {alert['runbook']}"
            )
        )
    return Group(*lines) if lines else Text("none")


def _list(result: DemoResult) -> Table:
    table = Table(title=f"Tonight's list of user {result.report.user}", title_justify="left")
    for name in ("rank", "item", "title", "score", "why", "found by"):
        table.add_column(name, justify="right" if name in ("rank", "score") else "left")
    for row in result.report.items:
        found = ", ".join(row["sources"] or ())
        table.add_row(
            str(row["rank"]), row["item_id"], row["title"], _chance(row["score"]), _why(row), found
        )
    return table


def _chance(score: float | None) -> str:
    return "–" if score is None else f"{score:.4f}"


def _totals(result: DemoResult) -> RenderableType:
    nights = ", ".join(f"{night} {seconds:.0f} s" for night, seconds in result.nights)
    stages = sum(row["seconds"] for row in result.report.stages)
    peaks = ", ".join(f"{name} {size / 2**30:.1f}" for name, size in result.peaks.items())
    current = next((p for p in result.report.publications if p["current"]), None)
    lists = f"{current['rows']:,} lists of {current['as_of']}" if current else "no lists"
    return Text(
        f"readers see: {lists}\ntime: {result.seconds:.0f} s, of which {result.ready_seconds:.0f} s"
        f" until Airflow was up; nights: {nights}\nstages themselves: {stages:.0f} s\nmemory:"
        f" {result.peak / 2**30:.1f} GiB at most (PSS of all processes together); by DAG:"
        f" {peaks}\nhome: {result.home}\nsee these runs in Airflow's UI: RECSYS_HOME={result.home}"
        f" make airflow\nask for a list: RECSYS_HOME={result.home} .venv/bin/recsys recommend"
        f" {result.report.user}"
    )


def _why(row: Mapping[str, Any]) -> str:
    if row["reason"] == "because_of":
        return f"because of {row['reason_item_title'] or 'an item you chose'}"
    return _REASONS.get(row["reason"], str(row["reason"]))


def _panel(title: str, body: RenderableType, style: str = "blue") -> Panel:
    return Panel(body, title=title, title_align="left", border_style=style)


def _plain(ledger: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        k: v
        for k, v in (ledger or {}).items()
        if v is None or isinstance(v, int | float | str | bool)
    }


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
