"""From what is known of a night to its page, in the order of an on-call engineer's questions."""

from __future__ import annotations

from recsys_tasks.monitoring.run_report import (
    generators,
    head,
    headroom,
    night,
    quality,
    rankers,
    towers,
)
from recsys_tasks.monitoring.run_report.blocks import Known, Page


def view(known: Known) -> Page:
    """Verdict first, then what needs a person, then the evidence."""
    found = head.cards(known)
    headline, tone = head.headline(known, found)
    first = [section for section in (head.failed(known), head.alarms(known)) if section]
    parts = (
        head.verdict,
        quality.metrics,
        quality.slices,
        quality.balance,
        headroom.headroom,
        generators.generators,
        rankers.rankers,
        towers.tower,
        night.data,
        night.lists,
        night.published,
        night.stages,
    )
    sections = (*first, *(part(known) for part in parts))
    title = f"{known.facts.get('project', 'shop')}, night {known.facts['as_of']}"
    foot = str(known.facts.get("written_at") or "")
    return Page(title, head.valid_as_of(known), headline, tone, found, sections, foot)
