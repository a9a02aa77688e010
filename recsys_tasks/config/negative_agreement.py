"""Negative events that contradict themselves or the other settings of `events`."""

from __future__ import annotations

from collections.abc import Iterator

from recsys_tasks.config.negatives import NegativeKind
from recsys_tasks.config.shop import EventsTable


def negative_mistakes(events: EventsTable) -> list[str]:
    """One line for each mistake, with what to write instead."""
    names = [negative.name for negative in events.negatives]
    mistakes = [
        f"events.negatives: {name!r} is declared twice: name it once"
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    if sum(negative.rows == "negative_quantity" for negative in events.negatives) > 1:
        mistakes.append(
            "events.negatives: two are rows with a negative quantity: leave"
            " `rows: negative_quantity` to one"
        )
    for negative in events.negatives:
        found = (*_name_mistakes(negative, events), *_meaning_mistakes(negative, events))
        mistakes += [f"events.negatives.{negative.name}: {words}" for words in found]
    return mistakes


def _name_mistakes(negative: NegativeKind, events: EventsTable) -> Iterator[str]:
    kinds = [kind.name for kind in events.kinds]
    if negative.name in kinds:
        yield (
            "is one of events.kinds, too: an event has a weight or is negative, so take it out of"
            " one of the two"
        )
    if events.impressions and negative.name == events.impressions.event:
        yield "is the event of events.impressions, too: take it out of one of the two"
    for setting, given in (("of", negative.of), ("ended_by", negative.ended_by)):
        for name in given or ():
            if name not in kinds:
                yield f"{setting}: {name!r} is not one of events.kinds {kinds}"
    told = [level.event for level in events.rating.levels] if events.rating else []
    told += [one.event for one in events.status.as_events] if events.status else []
    unnamed = events.event_column is None and negative.name not in told
    if negative.rows == "named" and unnamed:
        yield (
            "needs events.event_column to tell its rows from others, or `rows: negative_quantity`"
        )


def _meaning_mistakes(negative: NegativeKind, events: EventsTable) -> Iterator[str]:
    if events.quantity_column is None:
        if negative.rows == "negative_quantity":
            yield "rows: negative_quantity needs events.quantity_column"
        if negative.takes_back == "units":
            yield "takes_back: units needs events.quantity_column; without one, write newest"
    if negative.takes_back == "nothing" and negative.of is not None:
        yield "takes nothing back, so that `of` has no meaning: leave one of the two out"
    if not negative.bans and negative.takes_back == "nothing":
        yield "bans nothing and takes nothing back: give for_days or takes_back, or leave it out"
    if not negative.bans and negative.ended_by is not None:
        yield "bans nothing, so that `ended_by` has no meaning: leave one of the two out"
