"""Sections on the night itself: its data, its lists, its stages."""

from __future__ import annotations

from typing import Any

from recsys_tasks.monitoring.run_report.blocks import (
    Block,
    Cell,
    Chart,
    Known,
    Note,
    SampleList,
    Section,
    Series,
    Table,
    cells,
    number,
    plural,
    rows_of,
)

_QUARANTINE = ("duplicates", "waiting", "readmitted", "expired", "erased")
_OWN_SECTION = ("gate/",)


def data(known: Known) -> Section:
    """Rows, new days, checks, quarantine."""
    extract, report, snapshot = (
        known.facts.get(name) for name in ("extract", "validation", "snapshot")
    )
    if extract is None:
        return Section(
            "data",
            "Data",
            "Nothing was extracted for this night.",
            (Note("extract did not run.", "warn"),),
        )
    new = known.facts.get("new_days") or []
    says = (
        f"{number(extract['rows'])} rows read, {plural(int(extract.get('new_days', 0)), 'new day')}"
    )
    says += f", {plural(int(extract.get('changed_days', 0)), 'changed day')}."
    if snapshot:
        says += (
            f" The snapshot has {number(snapshot.get('users'))} users and"
            f" {number(snapshot.get('items'))} items."
        )
    blocks: list[Block] = []
    if known.facts.get("rows_by_day"):
        days, rows = zip(*known.facts["rows_by_day"], strict=True)
        note = f"Clean rows by day; tonight's new or changed days: {_span(new)}."
        blocks.append(
            Chart(
                "lines",
                "Rows a day",
                "day",
                "rows",
                (Series("rows", days, tuple(map(float, rows))),),
                note,
            )
        )
    if snapshot:
        blocks.append(_quarantine(snapshot))
    else:
        blocks.append(
            Note(
                "No snapshot was frozen: the night stopped here and readers kept their lists.",
                "bad",
            )
        )
    blocks.append(_checks(report) if report else Note("The checks did not run.", "warn"))
    return Section("data", "Data", says, tuple(blocks))


def _span(days: list[str]) -> str:
    if not days:
        return "none"
    return days[-1] if len(days) == 1 else f"{days[0]} to {days[-1]} ({len(days)})"


def _quarantine(snapshot: dict[str, Any]) -> Table:
    rows = []
    for name in _QUARANTINE:
        value = snapshot.get(name, 0)
        if isinstance(value, dict):  # rows that wait, by reason
            rows += [
                (f"{name}: {reason.replace('_', ' ')}", count) for reason, count in value.items()
            ] or [(name, 0)]
        else:
            rows.append((name, value))
    return Table(("quarantine", "rows"), rows_of(rows), numbers=frozenset({1}), half=True)


def _outcome(check: dict[str, Any]) -> Cell:
    if check["passed"]:
        return Cell("passed", "good")
    return Cell("failed", "bad") if check["blocking"] else Cell("warning", "warn")


def _checks(report: dict[str, Any]) -> Table:
    ordered = sorted(report["checks"], key=lambda c: (c["passed"], not c["blocking"]))
    rows = tuple(
        cells(
            _outcome(c),
            f"{c['suite']}.{c['name']}",
            c["about"],
            c["observed"],
            c["bound"],
            ", ".join(c.get("examples", ())),
        )
        for c in ordered
    )
    failed = sum(not c["passed"] for c in report["checks"])
    caption = f"{plural(len(rows), 'check')}, {failed} not passed"
    return Table(
        ("verdict", "check", "looked for", "found", "allowed", "examples"),
        rows,
        caption,
        folded=failed == 0,
    )


# --- lists ---------------------------------------------------------------------------------------


def lists(known: Known) -> Section:
    """Sample lists with titles, reasons, hits and what moved each score."""
    found = known.part("lists")
    if not found:
        return Section(
            "lists", "Sample lists", "None for this night.", (Note(f"{known.missing('lists')}."),)
        )
    window = (known.facts.get("release") or {}).get("gate_cutoff", "the gate's cutoff")
    blocks = tuple(
        SampleList(
            f"User {sample['user']}: {plural(sample['events'], 'event')} before {window}, then"
            f" {plural(sample['did'], 'item')} of which {sum(e['hit'] for e in sample['items'])}"
            " were on the list",
            tuple(sample["items"]),
        )
        for sample in found
    )
    says = (
        f"What tonight's challenger would have shown on {window}, from the least to the most active"
        " of its users; ✓ marks what the user went on to do. Lists of now: recsys recommend USER."
    )
    return Section("lists", "Sample lists", says, blocks)


def published(known: Known) -> Section:
    """Figures of tonight's lists and of what readers did with earlier ones; every other recorded
    metric.
    """
    scopes = {
        s: v for s, v in known.facts.get("metrics", {}).items() if not s.startswith(_OWN_SECTION)
    }
    rows = [
        (scope, name, value) for scope, values in scopes.items() for name, value in values.items()
    ]
    if not rows:
        note = Note("This page is written again when monitoring has run.")
        return Section(
            "published",
            "Published lists",
            "Not measured: publication or monitoring has not run.",
            (note,),
        )
    blocks: list[Block] = [
        block for block in (_realised(known), _realised_by(known)) if block is not None
    ]
    blocks.append(Table(("scope", "metric", "value"), rows_of(rows), numbers=frozenset({2})))
    publication = (known.facts.get("publications") or [{}])[-1]
    number_, status = publication.get("publication_id", "–"), publication.get("status", "not made")
    says = f"Publication {number_} of this night was {status} when this page was written."
    return Section("published", "Published lists", says, tuple(blocks))


def _realised(known: Known) -> Chart | None:
    """What readers did with the lists of earlier nights."""
    by_name: dict[str, list[tuple[str, float]]] = {}
    for row in reversed(known.facts.get("realised") or []):
        if row["value"] is not None:
            by_name.setdefault(row["name"], []).append((row["as_of"], row["value"]))
    if not any(len(points) > 1 for points in by_name.values()):
        return None
    series = tuple(
        Series(n, tuple(p[0] for p in points), tuple(p[1] for p in points))
        for n, points in by_name.items()
    )
    return Chart(
        "lines",
        "What readers did with earlier lists",
        "night",
        "mean",
        series,
        "On the day after each publication.",
    )


def _realised_by(known: Known) -> Table | None:
    """The same of the newest lists before tonight's: by any event, by kind of event and by
    objective.
    """
    rows = known.facts.get("realised_by") or []
    if not rows:
        return None
    found: dict[str, dict[str, float | None]] = {}
    for row in rows:
        found.setdefault(row["scope"], {})[row["name"]] = row["value"]
    names = ("users", "hr@10", "popular/hr@10", "ndcg@10", "popular/ndcg@10")
    table = [
        (
            scope.partition("/")[2].replace("=", " ") or "any of the objectives",
            *(values.get(name) for name in names),
        )
        for scope, values in found.items()
    ]
    caption = (
        f"What users did with the lists of {rows[0]['as_of']}, beside popular items for the same"
        " users"
    )
    return Table(("measured by", *names), rows_of(table), caption, numbers=frozenset(range(1, 6)))


def stages(known: Known) -> Section:
    """Seconds and rows of each stage that ran."""
    rows = tuple(
        cells(
            s["stage"],
            f"{s['seconds']:.1f}",
            s["rows"],
            "reused" if (s["figures"] or {}).get("reused") else "",
            _said(s),
        )
        for s in known.facts.get("stages") or []
    )
    if not rows:
        return Section(
            "stages",
            "Stages",
            "No stage is on record.",
            (Note("The night did not start.", "warn"),),
        )
    total = sum(s["seconds"] for s in known.facts["stages"])
    table = Table(("stage", "seconds", "rows", "", "figures"), rows, numbers=frozenset({1, 2}))
    return Section(
        "stages", "Stages", f"{plural(len(rows), 'stage run')}, {total:.0f} s in all.", (table,)
    )


def _said(stage: dict[str, Any]) -> str:
    figures = {k: v for k, v in (stage["figures"] or {}).items() if k != "reused" and v is not None}
    return ", ".join(f"{name} {number(value)}" for name, value in figures.items())
