"""Charts as SVG: drawn once, so that the page needs no script and no network."""

from __future__ import annotations

import io
import re
from functools import lru_cache
from html import escape
from typing import Any

from recsys_tasks.monitoring.run_report.blocks import Chart, Series

_COLOURS = ("#2563a8", "#d97706", "#4d9f6a", "#8a5fb0", "#b3435a", "#6b7280", "#0f8b8d", "#b08900")
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9aa3ad",
    "axes.labelcolor": "#4a5560",
    "xtick.color": "#4a5560",
    "ytick.color": "#4a5560",
    "grid.color": "#e5e8eb",
    "legend.frameon": False,
}
_WIDTH = 5.7


@lru_cache(maxsize=64)  # `recsys run` draws a report twice, most charts as they were
def svg(chart: Chart) -> str:
    """The chart as an `<svg>` element that fills its place; the same chart gives the same bytes."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style: dict[Any, Any] = {**_STYLE, "svg.hashsalt": chart.title}
    with mpl.rc_context(style):
        figure = Figure(figsize=(_WIDTH, _height(chart)), layout="constrained")
        axes = figure.subplots()
        {"lines": _lines, "bars": _bars, "ranges": _ranges}[chart.shape](axes, chart)
        if chart.percent:
            axes.xaxis.set_major_formatter(lambda share, _: f"{round(100 * share, 6):g} %")
        axes.set_xlabel(chart.x_label)
        axes.set_ylabel(chart.y_label)
        if len(chart.series) > 1:
            figure.legend(loc="outside upper left", ncols=_columns(chart))
        out = io.StringIO()
        figure.savefig(
            out, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
        )
    return _embedded(out.getvalue(), chart.title, " ".join(filter(None, [chart.title, chart.note])))


def _embedded(text: str, title: str, told: str) -> str:
    """Without the XML head and the fixed size, with ids of its own, and `told` to who does not see
    it.
    """
    body = text[text.index("<svg") :]
    body = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", body, count=1)
    body = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", body, count=1)
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    prefix = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    body = re.sub(r'(\bid="|xlink:href="#|url\(#)', rf"\1{prefix}-", body)
    return body.replace("<svg", f'<svg role="img" aria-label="{escape(told)}"', 1)


def _columns(chart: Chart) -> int:
    longest = max(len(series.name) for series in chart.series)
    return max(1, min(len(chart.series), 84 // (longest + 8)))


def _height(chart: Chart) -> float:
    legend = 0.22 * -(-len(chart.series) // _columns(chart)) if len(chart.series) > 1 else 0.0
    if chart.shape == "lines":
        return 2.7 + legend
    names = max((len(series.x) for series in chart.series), default=1)
    each = (
        0.2 * len(chart.series) + 0.08
        if chart.shape == "ranges"
        else 0.23 + 0.04 * (len(chart.series) - 1)
    )
    return 0.65 + legend + each * names


def _lines(axes: Any, chart: Chart) -> None:
    words = dict.fromkeys(x for series in chart.series for x in series.x if isinstance(x, str))
    place = {word: at for at, word in enumerate(sorted(words))}
    for series, colour in _coloured(chart):
        xs = [place[x] if isinstance(x, str) else x for x in series.x]
        marker = "o" if len(xs) <= 30 else None
        axes.plot(
            xs,
            series.y,
            color=colour,
            marker=marker,
            markersize=3.5,
            linewidth=1.5,
            label=series.name,
        )
    if place:
        _name_places(axes, list(place))
    if chart.reference is not None:
        axes.axhline(chart.reference, color="#9aa3ad", linewidth=1, linestyle=":")
        axes.annotate(
            "fused order",
            (1, chart.reference),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            color="#6b7280",
            fontsize=8,
        )
    if chart.diagonal:
        top = max((max((*s.x, *s.y)) for s in chart.series if s.x), default=1.0)
        axes.plot([0, top], [0, top], color="#9aa3ad", linewidth=1, linestyle="--", zorder=0)
    if chart.from_zero:
        highest = max((max(series.y) for series in chart.series), default=0.0)
        axes.set_ylim(0, 1.08 * highest or 1)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.margins(x=0.03)


def _name_places(axes: Any, names: list[str]) -> None:
    """At most seven of the names, so that none overlaps."""
    step = -(-len(names) // 7)
    axes.set_xticks(
        range(0, len(names), step), [name[5:] if _is_day(name) else name for name in names[::step]]
    )


def _is_day(name: str) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\d", name) is not None


def _bars(axes: Any, chart: Chart) -> None:
    names, count = list(chart.series[0].x), len(chart.series)
    height = 0.76 / count
    for at, (series, colour) in enumerate(_coloured(chart)):
        places = [row + (at - (count - 1) / 2) * height for row in range(len(names))]
        axes.barh(places, series.y, height=height, color=colour, label=series.name)
    _name_rows(axes, names)
    axes.grid(axis="x")
    axes.set_axisbelow(True)


def _ranges(axes: Any, chart: Chart) -> None:
    names = list(dict.fromkeys(name for series in chart.series for name in series.x))
    row_of = {name: row for row, name in enumerate(names)}
    for at, (series, colour) in enumerate(_coloured(chart)):
        places = [row_of[name] + (at - (len(chart.series) - 1) / 2) * 0.24 for name in series.x]
        whiskers = [
            [y - low for y, low in zip(series.y, series.low, strict=True)],
            [high - y for y, high in zip(series.y, series.high, strict=True)],
        ]
        axes.errorbar(
            series.y,
            places,
            xerr=whiskers,
            fmt="o",
            markersize=4,
            color=colour,
            capsize=2.5,
            label=series.name,
        )
    if chart.reference is not None:
        axes.axvline(chart.reference, color="#4a5560", linewidth=1)
    _name_rows(axes, names)
    axes.grid(axis="x")
    axes.set_axisbelow(True)


def _name_rows(axes: Any, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)


def _coloured(chart: Chart) -> list[tuple[Series, str]]:
    return [(series, _COLOURS[at % len(_COLOURS)]) for at, series in enumerate(chart.series)]
