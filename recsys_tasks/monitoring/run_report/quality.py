"""Sections on quality: metrics beside champion and baselines, groups of users, popularity,
calibration.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    Tone,
    cells,
    change,
    number,
    rows_of,
)
from recsys_tasks.monitoring.run_report.head import SLICE, rule_row

_ORDER = ("challenger", "champion", "anchor", "popularity")
_KEPT_NOTHING = "The judge kept no figures for this night, so there is nothing to compare."


def systems(known: Known) -> dict[str, dict[str, Any]]:
    """Role → what was measured of it; without kept figures, the challenger's means alone."""
    found: dict[str, dict[str, Any]] = dict((known.facts.get("figures") or {}).get("systems") or {})
    if not found and "gate/challenger" in known.facts.get("metrics", {}):
        decision = known.facts.get("decision") or {}
        found["challenger"] = {
            "system": decision.get("challenger", "challenger"),
            "summary": known.facts["metrics"]["gate/challenger"],
        }
    order = [role for role in _ORDER if role in found] + sorted(set(found) - set(_ORDER))
    return {role: found[role] for role in order}


def metrics(known: Known) -> Section:
    """Every measure of every system, with intervals where the judge drew them; unknown ones by
    their own names.
    """
    found = systems(known)
    if not found:
        return Section("metrics", "Metrics", _KEPT_NOTHING, (Note("Not judged.", "warn"),))
    figures = known.facts.get("figures") or {}
    blocks: list[Block] = [*_against(figures)]
    if "champion" not in found:
        blocks.append(
            Note("There was no champion to compare with: a first release must beat popularity.")
        )
    blocks.append(_measures(found, figures))
    level = f", {figures['level']:.0%} intervals" if figures.get("level") else ""
    return Section(
        "metrics",
        "Metrics",
        f"On the gate window{level}. The rule looks at {figures.get('metric', 'ndcg@10')}.",
        tuple(blocks),
    )


def _against(figures: dict[str, Any]) -> list[Chart]:
    """A chart for each other system: the scales differ too much for one."""
    against = figures.get("against") or {}
    charts = []
    for role in [r for r in _ORDER if r in against] + sorted(set(against) - set(_ORDER)):
        kept = {
            name: c
            for name, c in against[role].items()
            if None not in (c["change"], c["low"], c["high"])
        }
        if kept:
            change_, low, high = (
                tuple(c[key] for c in kept.values()) for key in ("change", "low", "high")
            )
            series = (Series(role, tuple(kept), change_, low, high),)
            title, note = (
                f"Challenger against {role}",
                "Right of the line it is better; an interval across it may be chance.",
            )
            charts.append(
                Chart("ranges", title, "relative change", "", series, note, 0.0, percent=True)
            )
    return charts


def _measures(found: dict[str, dict[str, Any]], figures: dict[str, Any]) -> Table:
    roles = list(found)
    names = dict.fromkeys(name for system in found.values() for name in system.get("summary", {}))
    ranged = [
        name
        for name in names
        if any(name in system.get("intervals", {}) for system in found.values())
    ]
    rows = []
    for name in [*ranged, *(name for name in names if name not in ranged)]:
        values = [_with_interval(found[role], name) for role in roles]
        against = [
            (figures.get("against") or {}).get(role, {}).get(name)
            for role in roles
            if role != "challenger"
        ]
        rows.append(cells(name, *values, *(_changed(c) for c in against)))
    others = [role for role in roles if role != "challenger"] if figures.get("against") else []
    rows = rows if others else [row[: 1 + len(roles)] for row in rows]
    head = ("metric", *(f"{role}" for role in roles), *(f"vs {role}" for role in others))
    caption = " · ".join(f"{role}: {found[role].get('system', role)}" for role in roles)
    return Table(head, tuple(rows), caption, frozenset(range(1, len(head))))


def _with_interval(system: dict[str, Any], name: str) -> str:
    value, interval = system.get("summary", {}).get(name), system.get("intervals", {}).get(name)
    words = number(value)
    if interval and None not in interval:
        words += f" ({interval[0]:.3f}–{interval[1]:.3f})"
    return words


def _changed(found: dict[str, Any] | None) -> Cell:
    if not found or found.get("change") is None:
        return Cell("")
    low, high = found.get("low"), found.get("high")
    tone: Tone = "plain"
    if low is not None and high is not None:
        tone = "good" if low > 0 else ("bad" if high < 0 else "plain")
    return Cell(f"{change(found['change'])} ({change(low)} to {change(high)})", tone)


# --- groups of users -----------------------------------------------------------------------------


def slices(known: Known) -> Section:
    """Each group's mean of the gate's metric by system, and the guard's rule on it."""
    found = {role: s["slices"] for role, s in systems(known).items() if s.get("slices")}
    rules = [
        r
        for r in (known.facts.get("decision") or {}).get("rules", ())
        if r["name"].startswith(SLICE)
    ]
    guarded = {rule["name"].removeprefix(SLICE): rule for rule in rules}
    if not found and not rules:
        return Section(
            "slices",
            "Slices",
            "No group of users was compared tonight.",
            (
                Note(
                    "Groups are guarded against the champion; there was none, or nobody was judged."
                ),
            ),
        )
    blocks: list[Block] = []
    if found:
        blocks.append(_group_table(found, guarded))
    if rules:
        head = ("group", "bound", "change", "passed", "leads to", "in words")
        rows = tuple(rule_row(rule) for rule in rules)
        blocks.append(
            Table(
                head, rows, f"The guard's {len(rules)} rules", frozenset({1, 2}), folded=bool(found)
            )
        )
    failed = [name for name, rule in guarded.items() if not rule["passed"]]
    says = (
        f"Surely worse off: {', '.join(failed)}."
        if failed
        else "No guarded group is significantly worse off."
    )
    if not rules:
        says = "Groups are guarded against a champion; tonight there was none to compare."
    return Section("slices", "Slices", says, tuple(blocks))


def _group_table(found: dict[str, dict[str, Any]], guarded: dict[str, dict[str, Any]]) -> Table:
    names = list(dict.fromkeys(name for groups in found.values() for name in groups))
    rows = []
    for name in names:
        users = next(groups[name]["users"] for groups in found.values() if name in groups)
        means = [(groups.get(name) or {}).get("mean") for groups in found.values()]
        rule = guarded.get(name)
        outcome = Cell("not guarded") if rule is None else _guarded(rule)
        rows.append(cells(name, users, *means, outcome))
    head = ("group", "users", *found, "guard against champion")
    return Table(
        head,
        tuple(rows),
        "Mean of the gate's metric over users who did something",
        frozenset(range(1, len(head))),
    )


def _guarded(rule: dict[str, Any]) -> Cell:
    return (
        Cell(change(rule["value"]))
        if rule["passed"]
        else Cell(f"{change(rule['value'])}, fails", "bad")
    )


# --- popularity and calibration ------------------------------------------------------------------


def balance(known: Known) -> Section:
    """The popularity-bias curve and the reliability of the scores."""
    found = systems(known)
    blocks: list[Block] = [
        block for block in (_bias(found), _reliability(found), _columns(known)) if block is not None
    ]
    if not blocks:
        blocks.append(Note(_KEPT_NOTHING, "warn"))
    says = "Whether lists repeat what is popular anyway, and whether a score means what it says."
    return Section("balance", "Popularity bias and calibration", says, tuple(blocks))


def _bias(found: Mapping[str, dict[str, Any]]) -> Chart | None:
    series = [
        Series(
            role,
            tuple(int(percent) for percent in system["bias_curve"]),
            tuple(float(items) for items in system["bias_curve"].values()),
        )
        for role, system in found.items()
        if system.get("bias_curve")
    ]
    note = (
        "How few items make so many per cent of all recommended places; a low curve repeats the"
        " same items."
    )
    title, x_label = "Popularity bias", "% of all places"
    return Chart("lines", title, x_label, "items", tuple(series), note) if series else None


def _reliability(found: Mapping[str, dict[str, Any]]) -> Chart | None:
    series = [
        Series(
            role,
            tuple(row[0] for row in system["reliability"]),
            tuple(row[1] for row in system["reliability"]),
        )
        for role, system in found.items()
        if system.get("reliability")
    ]
    note = (
        "On the dashed line a score is the share that came true; each point holds equally many"
        " places."
    )
    if not series:
        return None
    labels = "mean score", "share that came true"
    return Chart("lines", "Calibration", *labels, tuple(series), note, diagonal=True)


def _columns(known: Known) -> Table | None:
    columns = list(((known.facts.get("figures") or {}).get("columns") or {}).items())[:10]
    caption = (
        "Features that alone order users' candidates best (AUC); one near 1 knows what it"
        " cannot know"
    )
    rows = rows_of(columns)
    return (
        Table(("feature", "AUC"), rows, caption, frozenset({1}), folded=True) if columns else None
    )
