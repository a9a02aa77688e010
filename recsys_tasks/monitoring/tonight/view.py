"""The live page, from what the database said: nothing is read or written here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from recsys_tasks.monitoring.run_report.blocks import Card, Note, Page, Section, Tone, plural
from recsys_tasks.monitoring.tonight.alerts import open_alerts
from recsys_tasks.monitoring.tonight.facts import Live, Readers, Row
from recsys_tasks.monitoring.tonight.history import gate, grid, trends
from recsys_tasks.monitoring.tonight.search import item_section, user_section

_BECAME = {
    "published": "shown before",
    "held": "rolled back",
    "ready": "made, and not shown",
    "failed": "refused",
    "building": "not finished",
}
_WORST: tuple[Tone, ...] = ("bad", "warn", "good", "plain")


def live_page(live: Live) -> Page:
    """What is so now: readers, the newest night, alerts; then what was before, and a search."""
    readers, night, alerts = _readers(live), _night(live), _alerts(live)
    cards = tuple(filter(None, (readers, night, _deadline(live), alerts)))
    tone = next(tone for tone in _WORST if any(card.tone == tone for card in cards))
    sections = [open_alerts(live), user_section(live), item_section(live)]
    sections += [grid(live), trends(live), gate(live)] if live.nights else [_none_yet()]
    return Page(
        title=f"{live.project}, tonight",
        at=f"Looked up at {live.now:%Y-%m-%d %H:%M:%S} UTC.",
        headline=f"Readers see {_lower(readers.value)}; {_lower(night.value)};"
        f" {_lower(alerts.value)}.",
        tone=tone,
        cards=cards,
        sections=tuple(section for section in sections if section is not None),
        foot="All figures are views of the database's schema recsys; the run reports have more.",
    )


def readers_line(readers: Readers, night: str) -> str:
    """What readers see now and what became of a night's lists, in one line of words."""
    status = readers.status
    if status["as_of"] is None:
        return "Now: readers see no lists yet."
    held = f" (held by {status['hold_who']}: {status['hold_why']})" if status["on_hold"] else ""
    now = f"Now: readers see the lists of {status['as_of']}{held}."
    if str(status["as_of"]) == night:
        return now
    return f"{now} Those of {night}: {_became(readers.published)}."


def _became(published: Sequence[Row]) -> str:
    if not published:
        return "none were made"
    newest = published[0]
    told = _BECAME.get(newest["status"], str(newest["status"]))
    return f"{told}, {newest['note']}" if newest["status"] == "failed" and newest["note"] else told


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]


def _none_yet() -> Section:
    note = Note("Run one: recsys run --as-of DATE, or the DAG validate_data with a date.", "warn")
    return Section("nights", "Nights", "No night has run yet.", (note,))


def _readers(live: Live) -> Card:
    status = live.status
    if status["as_of"] is None:
        return Card("Readers", "No lists yet", "nothing was ever published", "warn")
    note = f"{status['rows']:,} users, shown for {_span(status['age'])}"
    note += f", release {status['release']}" if status["release"] else ", in order of retrieval"
    if status["on_hold"]:
        held = f"held since {status['hold_since']:%Y-%m-%d %H:%M} UTC by {status['hold_who']}"
        note = f"{held}: {status['hold_why']}. `recsys resume` ends it; {note}"
    tone: Tone = "warn" if status["on_hold"] else "good"
    newest = live.nights[0]["as_of"] if live.nights else status["as_of"]
    if status["as_of"] < newest and not status["on_hold"]:
        tone = "warn"
    return Card("Readers", f"The lists of {status['as_of']}", note, tone)


def _night(live: Live) -> Card:
    """How far the newest night came."""
    if not live.nights:
        return Card("Newest night", "No night yet", live.expected, "plain")
    night = live.nights[0]["as_of"]
    done = live.finished.get(night, {})
    order = live.order
    waiting = [stage for stage in order if stage not in done]
    note = live.expected
    if not waiting:
        ended = max(done.values())
        return Card(
            "Newest night",
            f"The night of {night} is done",
            "; ".join(filter(None, [f"all {len(order)} stages by {ended:%H:%M} UTC", note])),
            "good",
        )
    told = f"{len(order) - len(waiting)} of {len(order)} stages are done"
    told += f", {waiting[0]} did not end" if _stopped(live) else f", next {waiting[0]}"
    if live.nights[0]["failures"]:
        told += f"; {plural(live.nights[0]['failures'], 'failed run')} of a stage so far"
    tone: Tone = "bad" if _stopped(live) else "plain"
    value = "stopped" if _stopped(live) else "is under way"
    return Card("Newest night", f"The night of {night} {value}", told, tone)


def _stopped(live: Live) -> bool:
    """Whether an alert of the newest night is open while stages of it are missing."""
    night = live.nights[0]["as_of"]
    return any(a["as_of"] == night and a["severity"] == "critical" for a in live.alerts)


def _deadline(live: Live) -> Card | None:
    """While readers lack the lists that they expect by then; None once they have them."""
    due, seen = live.deadline, live.status["as_of"]
    if due is None or (seen is not None and seen >= due.night):
        return None
    words = f"{due.words[:1].upper()}{due.words[1:]}"
    return Card("Deadline", words, f"of the lists of {due.night}", "bad" if due.passed else "plain")


def _alerts(live: Live) -> Card:
    if not live.alerts:
        return Card("Alerts", "No open alert", "", "good")
    kinds = ", ".join(dict.fromkeys(str(alert["kind"]) for alert in live.alerts))
    critical = any(alert["severity"] == "critical" for alert in live.alerts)
    value = plural(len(live.alerts), "open alert")
    return Card("Alerts", value, kinds, "bad" if critical else "warn")


def _span(age: timedelta) -> str:
    hours = age.total_seconds() / 3600
    return f"{hours:.0f} h" if hours >= 1 else f"{hours * 60:.0f} min"
