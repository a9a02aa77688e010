"""Sections on the models: generators, rankers, the two-tower and its warm chain."""

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
    number,
    percent,
)

GENERATOR = "gate/generator="
_TOP = 12


def generators(known: Known) -> Section:
    """What each generator finds of what users did next, and what it alone finds."""
    scopes = {
        s.removeprefix(GENERATOR): v
        for s, v in known.facts.get("metrics", {}).items()
        if s.startswith(GENERATOR)
    }
    shares = {
        name: (_named(values, "recall"), _named(values, "unique"))
        for name, values in scopes.items()
    }
    if not shares:
        return Section("generators", "Candidate generators", "Not measured for this night.", (Note(
            "No generator was measured on a gate window tonight."),))  # fmt: skip
    union = shares.pop("union", (None, None))[0]
    order = sorted(shares, key=lambda name: -(shares[name][0] or 0.0))
    series = tuple(
        Series(name, tuple(order), tuple(shares[generator][place] or 0.0 for generator in order))
        for place, name in enumerate(("found", "found by it alone"))
    )
    k = next((n.partition("@")[2] for n in next(iter(scopes.values())) if "@" in n), "")
    says = (
        f"Together they find {percent(union)} of what users did next among {k or 'all'} candidates."
    )
    note = (
        "Share of all user-item pairs of the gate window; what no generator finds no ranker can"
        " show."
    )
    chart = Chart(
        "bars", "Recall of each generator", "share of pairs", "", series, note, percent=True
    )
    rows = tuple(cells(name, percent(shares[name][0]), percent(shares[name][1])) for name in order)
    table = Table(("generator", "recall", "alone"), rows, numbers=frozenset({1, 2}), half=True)
    return Section("generators", "Candidate generators", says, (chart, table))


def _named(values: dict[str, float | None], name: str) -> float | None:
    return next((value for key, value in values.items() if key.split("@")[0] == name), None)


# --- rankers -------------------------------------------------------------------------------------


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


# --- two-tower -----------------------------------------------------------------------------------


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
        "Recall@100 on rows held back from each version's new days: what training on them gained."
    )
    return Chart("lines", "Held-back recall", "version", "recall@100", series, note)


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
