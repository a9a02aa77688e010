"""The head of the page: was something wrong, and what did readers see?

A page is kept for years and readers are moved on the next night, or back by a person: it speaks of
when it was written.
"""

from __future__ import annotations

import re
from typing import Any

from recsys_tasks.monitoring.run_report.blocks import (
    Block,
    Card,
    Cell,
    Known,
    Note,
    Section,
    Table,
    Tone,
    cells,
    number,
    plural,
)

_VERDICT: dict[str, tuple[str, Tone]] = {
    "promote": ("promoted", "good"),
    "reject": ("not promoted", "plain"),
    "hold": ("held for a person", "warn"),
    "refuse": ("refused", "bad"),
}
_WORST: tuple[Tone, ...] = ("bad", "warn", "good", "plain")
SLICE = "slice:"
_PASSED = re.compile(r" (?:It passed|What was in order): ")
"""Where the words on rules that were met begin: the table says them rule by rule."""
_LABELS = {"told_from_popularity": "distinguishable from plain popularity"}
"""What people read for names of rules that say too little; tables and histories hold the names."""


def cards(known: Known) -> tuple[Card, ...]:
    """Data, release, readers, alarms: one answer each."""
    return (_data(known), _release(known), _readers(known), _alarms(known))


def headline(known: Known, found: tuple[Card, ...]) -> tuple[str, Tone]:
    """The cards in one line, after what failed, and the worst of their tones."""
    data, release, readers, alarms = found
    words = [
        f"Data {data.value.lower()}",
        f"release {release.value.lower()}",
        readers.value,
        alarms.value,
    ]
    line = "; ".join(words).replace("; Readers", "; readers").replace("; No", "; no") + "."
    stages = [str(failure["stage"]) for failure in _failures(known)]
    if stages:
        return f"{' and '.join(stages)} failed. {line}", "bad"
    return line, next(tone for tone in _WORST if any(card.tone == tone for card in found))


def valid_as_of(known: Known) -> str:
    """When it was so, and where one sees what is so now."""
    at = known.facts.get("at")
    return (
        f"As of {at or 'when this page was written'}. Readers may have been moved on or back since:"
        " `recsys publications` shows what they see now."
    )


def _failures(known: Known) -> list[dict[str, Any]]:
    return list(known.facts.get("failures") or ())


def failed(known: Known) -> Section | None:
    """Every stage that ended in an error and has not ended well since; None where all did."""
    failures = _failures(known)
    if not failures:
        return None
    parts = ("error", "expected", "found", "where", "remedy")
    blocks = tuple(
        Table(
            ("", str(failure["stage"])),
            tuple(
                cells("to do" if name == "remedy" else name, failure["error"].get(name, "–"))
                for name in parts
            ),
            stacked=False,  # two columns, of which one names the rows, are narrow enough
        )
        for failure in failures
    )
    names = ", ".join(str(failure["stage"]) for failure in failures)
    return Section(
        "failed", "Failed", f"{names} ended in an error, and what comes after did not run.", blocks
    )


def _data(known: Known) -> Card:
    report, snapshot = known.facts.get("validation"), known.facts.get("snapshot")
    if report is None:
        return Card("Data", "Not checked", "the checks of this night did not run", "warn")
    failed = [c for c in report["checks"] if c["blocking"] and not c["passed"]]
    warned = [c for c in report["checks"] if not c["blocking"] and not c["passed"]]
    rows, days = report["rows"], plural(len(report["days"]), "day")
    if failed:
        names = ", ".join(f"{c['suite']}.{c['name']}" for c in failed[:3])
        return Card(
            "Data", "Refused", f"{plural(len(failed), 'blocking check')} failed: {names}", "bad"
        )
    note = (
        f"{rows:,} rows of {days} new or changed, {plural(len(report['checks']), 'check')} passed"
    )
    if warned:
        note = f"{rows:,} rows of {days}; {plural(len(warned), 'warning')}"
    if snapshot is None:
        return Card("Data", "Checked, not frozen", note, "warn")
    return Card(
        "Data", "Passed with warnings" if warned else "Passed", note, "warn" if warned else "good"
    )


def _release(known: Known) -> Card:
    decision, release = known.facts.get("decision"), known.facts.get("release")
    if decision is None:
        serving = (known.facts.get("status") or {}).get("release")
        note = f"{serving} served" if serving else "no release served yet"
        made = (
            f"{release['release_id']} was trained, but"
            if release
            else "no ranker was judged tonight;"
        )
        return Card("Release", "Not judged", f"{made} {note}", "warn" if release else "plain")
    value, tone = _VERDICT.get(decision["verdict"], (decision["verdict"], "warn"))
    failed = [rule for rule in decision["rules"] if not rule["passed"] and rule.get("leads_to")]
    stays = (
        f"{decision['champion']} stayed champion"
        if decision["champion"]
        else "there was no champion yet"
    )
    note = (
        "every rule passed"
        if not failed
        else f"{stays}; failed: {', '.join(_named(rule) for rule in failed[:3])}"
    )
    if decision["verdict"] == "promote":
        note = (
            f"{decision['challenger']} replaced"
            f" {decision['champion'] or 'nothing: it is the first'}"
        )
    return Card("Release", value.capitalize(), note, tone)


def _named(rule: dict[str, Any]) -> str:
    return rule_label(str(rule["name"])).replace("_", " ")


def _readers(known: Known) -> Card:
    status, night = known.facts.get("status") or {}, known.facts["as_of"]
    if known.facts.get("unanswered"):
        note = f"the database did not answer: {known.facts['unanswered']}"
        return Card("Readers", "What readers saw is not known", note, "bad")
    if not status.get("as_of"):
        return Card("Readers", "Readers had no lists yet", "nothing was ever published", "warn")
    note = (
        f"{number(status.get('rows'))} users, release"
        f" {status.get('release') or 'none (retrieval order)'}"
    )
    if status.get("on_hold"):
        note = f"on hold by {status.get('hold_who')}: {status.get('hold_why')}"
    if status["as_of"] == night:
        return Card(
            "Readers",
            "Readers saw tonight's lists",
            note,
            "warn" if status.get("on_hold") else "good",
        )
    if status["as_of"] > night:
        return Card("Readers", f"Readers saw the later lists of {status['as_of']}", note, "plain")
    waits = _why_not(known)
    return Card(
        "Readers", f"Readers still saw the lists of {status['as_of']}", f"{waits}; {note}", "warn"
    )


def _why_not(known: Known) -> str:
    tonight = known.facts.get("publications") or []
    if not tonight:
        return "tonight's lists were not made yet, or the night stopped before them"
    newest = tonight[-1]
    return f"tonight's publication was {newest['status']}" + (
        f" ({newest['note']})" if newest.get("note") else ""
    )


def _alarms(known: Known) -> Card:
    alerts = known.facts.get("alerts") or []
    if not alerts:
        return Card("Alarms", "No alarm", "nothing went past its bound so far", "good")
    critical = any(alert["severity"] == "critical" for alert in alerts)
    kinds = ", ".join(dict.fromkeys(str(alert["kind"]) for alert in alerts))
    return Card("Alarms", plural(len(alerts), "alarm"), kinds, "bad" if critical else "warn")


# --- alarms and verdict --------------------------------------------------------------------------


def alarms(known: Known) -> Section | None:
    """Every alarm of the night with what to do; None without one."""
    alerts = known.facts.get("alerts") or []
    failed = [
        c
        for c in (known.facts.get("validation") or {}).get("checks", ())
        if c["blocking"] and not c["passed"]
    ]
    if not alerts and not failed:
        return None
    rows = [
        cells(
            Cell(alert["severity"], "bad" if alert["severity"] == "critical" else "warn"),
            str(alert.get("raised_at", "–"))[:16],
            alert["message"],
            alert["reader_state"],
            alert["remedy"],
            alert.get("runbook") or "",
        )
        for alert in alerts
    ]
    blocks: list[Block] = [
        Note(f"{c['suite']}.{c['name']}: {c['observed']} (allowed: {c['bound']})", "bad")
        for c in failed
    ]
    if rows:
        blocks.append(
            Table(
                ("severity", "raised", "what broke", "readers then", "what to do", "runbook"),
                tuple(rows),
            )
        )
    return Section("alarms", "Alarms", "What needed a person.", tuple(blocks))


def verdict(known: Known) -> Section:
    """The decision in words, and every rule; guarded groups that passed are in their own
    section.
    """
    decision = known.facts.get("decision")
    if decision is None:
        release = known.facts.get("release")
        why = "The judge did not run" + (
            f"; {release['release_id']} waits for it." if release else " for this night."
        )
        return Section(
            "verdict", "Verdict", why, (Note("No decision is kept for this night.", "warn"),)
        )
    rules = sorted(decision["rules"], key=lambda rule: (rule["passed"], not rule.get("leads_to")))
    shown = [rule for rule in rules if not rule["passed"] or not rule["name"].startswith(SLICE)]
    groups = len(rules) - len(shown)
    table = Table(
        ("rule", "bound", "value", "passed", "leads to", "in words"),
        tuple(rule_row(rule) for rule in shown),
        numbers=frozenset({1, 2}),
    )
    blocks: list[Block] = [
        Note(
            _PASSED.split(decision["paragraph"])[0],
            _VERDICT.get(decision["verdict"], ("", "warn"))[1],
        ),
        table,
    ]
    if groups:
        blocks.append(
            Note(f"{plural(groups, 'guarded group')} of users passed; each is listed under Slices.")
        )
    says = (
        f"{decision['challenger']} against {decision['champion'] or 'no champion'}:"
        f" {decision['verdict']}."
    )
    return Section("verdict", "Verdict", says, tuple(blocks))


def rule_label(name: str) -> str:
    """The name of a rule as people read it; a guarded group's is the group's."""
    return _LABELS.get(name, name.removeprefix(SLICE))


def rule_row(rule: dict[str, Any]) -> tuple[Cell, ...]:
    """A rule's row: one that leads to nothing is evidence for another."""
    leads = rule.get("leads_to")
    tone: Tone = "good" if rule["passed"] else ("bad" if leads else "plain")
    outcome = Cell("yes" if rule["passed"] else "no", tone)
    return cells(
        rule_label(rule["name"]),
        rule["bound"],
        rule["value"],
        outcome,
        leads or "evidence only",
        rule["words"],
    )
