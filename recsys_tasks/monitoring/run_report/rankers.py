"""The section on the rankers: what they learned from and what moves them."""

from __future__ import annotations

from typing import Any

from recsys_tasks.monitoring.run_report.blocks import (
    Block,
    Chart,
    Known,
    Note,
    Section,
    Series,
    Table,
    cells,
    number,
    percent,
)

_TOP = 12


def rankers(known: Known) -> Section:
    """Mode, importances, SHAP, and whether more trees or users would help."""
    release = known.facts.get("release")
    if release is None:
        return Section(
            "rankers",
            "Rankers",
            "No ranker was trained tonight.",
            (Note("A champion, where there was one, went on; see the report of its own night."),),
        )
    if release["mode"] == "retrieval":
        reason = release.get("reason") or "no reason was given"
        return Section(
            "rankers",
            "Rankers",
            "The ranker is off: this release leaves the retrieval order.",
            (Note(reason, "warn"),),
        )
    held = release.get("held_out_ndcg@10") or {}
    compared = ", ".join(f"{stage} {number(value)}" for stage, value in held.items())
    says = (
        f"{release['release_id']} ({release['mode'].replace('_', ' ')}). NDCG@10 of held-out users:"
        f" {compared}."
    )
    blocks: list[Block] = [
        *_importances(release),
        *_shap(known),
        *_steps(known, held),
        *_sizes(known, held),
    ]
    blocks.append(_windows(release))
    return Section("rankers", "Rankers", says, tuple(blocks))


def _importances(release: dict[str, Any]) -> list[Block]:
    found: list[Block] = []
    for stage, objectives in sorted((release.get("importances") or {}).items()):
        totals: dict[str, float] = {}
        for gains in objectives.values():
            for column, gain in gains.items():
                totals[column] = totals.get(column, 0.0) + gain
        top = sorted(totals, key=lambda column: -totals[column])[:_TOP]
        series = tuple(
            Series(objective, tuple(top), tuple(float(gains.get(column, 0.0)) for column in top))
            for objective, gains in objectives.items()
        )
        title = f"Importances, {stage} ranker"
        found.append(
            Chart(
                "bars",
                title,
                "share of gain",
                "",
                series,
                "Share of the loss that splits on it removed.",
                percent=True,
            )
        )
    return found


def _shap(known: Known) -> list[Block]:
    strengths = known.part("shap")
    if not strengths:
        return [Note(f"No SHAP values: {known.missing('shap')}.")]
    top = list(strengths)[:_TOP]
    series = (Series("mean |SHAP|", tuple(top), tuple(strengths[name] for name in top)),)
    note = (
        "Mean absolute SHAP value over held-out rows of the heavy ranker, in its raw score's units."
    )
    return [Chart("bars", "What moves the heavy ranker", "mean |SHAP value|", "", series, note)]


def _steps(known: Known, held: dict[str, float]) -> list[Block]:
    curves = known.part("steps")
    if not curves:
        return [Note(f"No steps curve: {known.missing('steps')}.")]
    series = tuple(
        Series(stage, tuple(p[0] for p in points), tuple(p[1] for p in points))
        for stage, points in curves.items()
    )
    note = (
        "Held-out users, the same models stopped early. "
        + "; ".join(_gain(s, p) for s, p in curves.items())
        + "."
    )
    return [
        Chart(
            "lines",
            "More trees",
            "trees",
            "NDCG@10, held-out users",
            series,
            note,
            held.get("fused"),
        )
    ]


def _gain(stage: str, points: list[list[float]]) -> str:
    """What the last half of the steps added."""
    half = points[(len(points) - 1) // 2]
    return (
        f"{stage}: {points[-1][1] - half[1]:+.4f} from {half[0]:.0f} to {points[-1][0]:.0f} trees"
    )


def _sizes(known: Known, held: dict[str, float]) -> list[Block]:
    points = known.part("sizes")
    if not points:
        return [Note(f"No data-size curve: {known.missing('sizes')}.")]
    series = (Series("light", tuple(p[0] for p in points), tuple(p[1] for p in points)),)
    gained = points[-1][1] - points[-2][1] if len(points) > 1 else 0.0
    note = (
        "The light ranker trained again on growing shares of its users; the last doubling added"
        f" {gained:+.4f}."
    )
    return [
        Chart(
            "lines",
            "More data",
            "training users",
            "NDCG@10, held-out users",
            series,
            note,
            held.get("fused"),
        )
    ]


def _windows(release: dict[str, Any]) -> Table:
    windows = release.get("windows") or []
    rows = tuple(
        cells(
            w["label_start"],
            w["users"],
            w["rows"],
            w["positives"],
            percent(w["positives"] / max(w["truth"], 1)),
        )
        for w in windows
    )
    head = ("labels from", "users", "rows", "positive rows", "of users' deeds found")
    return Table(
        head, rows, "Label windows that it learned from", frozenset({1, 2, 3, 4}), folded=True
    )
