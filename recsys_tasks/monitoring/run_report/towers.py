"""The section on the two-tower and its warm chain."""

from __future__ import annotations

from typing import Any

from recsys_tasks.monitoring.run_report.blocks import (
    Block,
    Cell,
    Chart,
    Known,
    Note,
    Section,
    Series,
    Table,
    cells,
)


def tower(known: Known) -> Section:
    """Losses of the chain's versions, and the warm-start ledger."""
    versions = known.facts.get("towers") or []
    if not versions:
        return Section(
            "tower",
            "Two-tower",
            "No tower version is on record.",
            (Note("It was not trained yet.", "warn"),),
        )
    last = versions[-1]["ledger"]
    tonight = (
        "tonight"
        if versions[-1]["learned_before"] == known.facts["as_of"]
        else versions[-1]["learned_before"]
    )
    served = (
        "passed its floor"
        if last.get("refresh_ok", True)
        else "fell below its floor: the version before it served"
    )
    says = (
        f"Lineage {known.facts.get('lineage')}; the newest version ({tonight}, {last.get('start')}"
        f" start) {served}."
    )
    blocks: list[Block] = [
        chart for chart in (_losses(versions), _recall(versions)) if chart is not None
    ]
    return Section("tower", "Two-tower", says, (*blocks, _ledger(versions)))


def _losses(versions: list[dict[str, Any]]) -> Chart | None:
    series, at = [], 0
    for version in versions[-8:]:
        losses = [loss for loss in version["ledger"].get("loss") or [] if loss is not None]
        if losses:
            steps = tuple(range(at + 1, at + 1 + len(losses)))
            series.append(
                Series(
                    f"{version['learned_before']} ({version['ledger'].get('start')})",
                    steps,
                    tuple(losses),
                )
            )
            at += len(losses)
    if not series:
        return None
    note = (
        "Mean loss of each epoch, one colour a version of the warm chain; a cold start begins high."
    )
    return Chart("lines", "Training loss", "epochs of the chain", "loss", tuple(series), note)


def _recall(versions: list[dict[str, Any]]) -> Chart | None:
    kept = [v for v in versions if v["ledger"].get("recall_before") is not None]
    if not kept:
        return None
    days = tuple(v["learned_before"] for v in kept)
    series = tuple(
        Series(name, days, tuple(float(v["ledger"][key] or 0.0) for v in kept))
        for name, key in (("version before", "recall_before"), ("this version", "recall_after"))
    )
    note = (
        "Recall@100 on rows held out of each version's new days: what training on the rest gained."
    )
    return Chart("lines", "Held-out recall", "version", "recall@100", series, note)


def _ledger(versions: list[dict[str, Any]]) -> Table:
    """Newest first; what a ledger holds beyond the known names follows them."""
    known = (
        "start",
        "kept",
        "new",
        "archived",
        "returned",
        "drift",
        "examples",
        "replayed",
        "held_back_rows",
        "recall_before",
        "recall_after",
        "refresh_ok",
    )
    ledgers = [version["ledger"] for version in versions]
    further = [
        n
        for n in dict.fromkeys(n for led in ledgers for n in led)
        if n not in known and n not in ("loss", "parent")
    ]
    names = [*known, *(n for n in further if not isinstance(ledgers[-1].get(n), list | dict))]
    rows = []
    for version in reversed(versions[-14:]):
        values = [version["ledger"].get(name) for name in names]
        row = [
            Cell("no", "bad") if n == "refresh_ok" and v is False else v
            for n, v in zip(names, values, strict=True)
        ]
        rows.append(cells(version["learned_before"], *row))
    head = ("learned before", *(name.replace("_", " ") for name in names))
    return Table(
        head, tuple(rows), "Warm-start ledger, newest first", frozenset(range(2, len(head)))
    )
