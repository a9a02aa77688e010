"""Ratings that contradict the other settings of `events`."""

from __future__ import annotations

from collections.abc import Iterator

from recsys_tasks.config.shop import EventsTable


def rating_mistakes(events: EventsTable) -> list[str]:
    """One line for each mistake, with what to write instead."""
    return [f"events.rating: {words}" for words in _mistakes(events)]


def _mistakes(events: EventsTable) -> Iterator[str]:
    rating, kinds = events.rating, [kind.name for kind in events.kinds]
    if rating is None:
        return
    negatives = [negative.name for negative in events.negatives]
    for level in rating.levels:
        if level.event not in (*kinds, *negatives):
            yield (
                f"levels: {level.event!r} is neither one of events.kinds {kinds} nor of"
                f" events.negatives {negatives}: declare it in one of the two"
            )
    if all(level.event not in kinds for level in rating.levels):
        yield "levels: no level is one of events.kinds, so that no rating counts: name one there"
    if rating.unrated is not None and rating.unrated not in kinds:
        yield f"unrated: {rating.unrated!r} is not one of events.kinds {kinds}"
    if rating.of is not None and events.event_column is None:
        yield "of: needs events.event_column; without one every row has a rating: leave `of` out"
    if rating.of is not None and events.impressions and events.impressions.event in rating.of:
        yield f"of: {events.impressions.event!r} is of events.impressions, which have no rating"
