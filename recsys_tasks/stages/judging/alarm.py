"""On-call hears of a release that the gate refused or holds: why, what readers get meanwhile, for
how many nights.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Engine, text

from recsys_tasks.gate.decision import GateDecision
from recsys_tasks.monitoring.alarms import Alarm
from recsys_tasks.registry.registry import CHAMPION
from recsys_tasks.stages.alarms import OnCall
from recsys_tasks.stages.serving_state import Serving

STUCK_NIGHTS = 3
"""So many nights in a row are no accident of one night: the alert is critical from then on."""
_UNTOLD = ("refuse", "hold")
_KIND = {"refuse": "gate_refused", "hold": "gate_held"}
_SAID = {"refuse": "was refused", "hold": "is held for a person to decide"}
_REMEDY = {
    "refuse": (
        "recsys report --as-of {night} names the page with every rule; read the runbook before"
        " recsys promote {release} --who YOU --why REASON, which makes it champion whatever the"
        " gate said"
    ),
    "hold": (
        "recsys promote {release} --who YOU --why REASON if its gain is worth the loss of those"
        " users; recsys report --as-of {night} names the page with every group"
    ),
}
_LONGEST_REASON = 280
"""Letters of the first reason: who reads an alert shall see what readers get, too; the page has the
rest.
"""


def tell_of_verdict(on_call: OnCall, serving: Serving, decision: GateDecision) -> None:
    """One alert a night for a verdict that leaves a release out for another cause than not being
    better.
    """
    if decision.verdict not in _UNTOLD:
        return
    nights = _nights_in_a_row(on_call.engine, on_call.as_of)
    kind = "gate_stuck" if nights >= STUCK_NIGHTS else _KIND[decision.verdict]
    again = f", as on the nights before, {nights} in a row" if nights > 1 else ""
    words = (
        f"release {decision.challenger} {_SAID[decision.verdict]}{again}."
        f" {_lists_of(serving, decision, on_call.now)}"
    )
    words += f". Why: {_reasons(decision)}"
    alarm = Alarm(kind, "nights in a row with a refused or held release", 0, nights, words)
    remedy = _REMEDY[decision.verdict]
    on_call.tell(alarm, remedy.format(night=on_call.as_of, release=decision.challenger))


def _nights_in_a_row(engine: Engine, as_of: date) -> int:
    """Judged nights up to this one, it included, whose newest verdict left a release out."""
    query = text(
        "SELECT DISTINCT ON (as_of) as_of, verdict FROM recsys.gate_decisions WHERE as_of <= :day "
        "ORDER BY as_of DESC, id DESC"
    )
    with engine.connect() as connection:
        verdicts = [row.verdict for row in connection.execute(query, {"day": as_of})]
    return next(
        (place for place, verdict in enumerate(verdicts) if verdict not in _UNTOLD), len(verdicts)
    )


def _reasons(decision: GateDecision) -> str:
    first, *others = [
        rule.words
        for rule in decision.rules
        if not rule.passed and rule.leads_to == decision.verdict
    ]
    cut = first if len(first) <= _LONGEST_REASON else f"{first[:_LONGEST_REASON]}…"
    return f"{cut} (and {len(others)} more)" if others else cut


def _lists_of(serving: Serving, decision: GateDecision, now: datetime) -> str:
    """Who makes tonight's lists, beside the release that does not, in figures where there are
    any.
    """
    release = serving.release()
    if release is None:
        return decision.served or "Until a release passes, readers get the order of retrieval"
    since = serving.registry.since(CHAMPION)
    age = (
        f", champion for {(now - since).days} days"
        if since and release.key == decision.champion
        else ""
    )
    compared = next((f" ({rule.words})" for rule in decision.rules if rule.name == "better"), "")
    return f"Tonight's lists are made by {release.key}{age}{compared}"
