"""Aliases that were moved by hand in MLflow: what the record says of them, and which serve."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recsys_tasks.registry.audit import CHAMPION, NO_RELEASE, PREVIOUS, SET_BY, ReleaseEvent

_BY_HAND = "by hand in MLflow"


@dataclass(frozen=True)
class HandMove:
    """A champion alias moved in MLflow: to which release, from which, and why it was undone (None:
    it serves).
    """

    release: str
    before: str | None
    undone: str | None

    def __str__(self) -> str:
        what = f"the champion was moved by hand from {self.before or 'nothing'} to {self.release}"
        return f"{what}, which was undone: {self.undone}" if self.undone else f"{what}: it serves"


@dataclass(frozen=True)
class MovedAlias:
    """An alias that differs from the record: `recorded` is what it should stand at, `actual` where
    it stands (None: it was deleted), `known` whether that release was ever registered.
    """

    name: str
    recorded: str | None
    actual: str | None
    known: bool


def event_of(moved: MovedAlias, champion: str | None, at: datetime) -> ReleaseEvent:
    """The event that puts a move on record; an alias that may not stand there is put back.

    `champion` is the recorded one: an event of the champion's that changes nothing puts the alias
    `previous` back, which follows from it.
    """
    name, recorded, actual = moved.name, moved.recorded, moved.actual
    words = f"moved from {recorded or 'nothing'}"
    if name == CHAMPION:
        back = actual is None
        words = "the alias was deleted; put back" if back else words
        return ReleaseEvent(at, "hand_moved", str(recorded if back else actual), _BY_HAND, words)
    if name in SET_BY and actual is not None and moved.known:
        return ReleaseEvent(at, SET_BY[name], actual, _BY_HAND, words)
    words = f"the alias {name} was {f'moved to {actual}' if actual else 'deleted'}; put back"
    event, release = ("hand_moved", champion) if name == PREVIOUS else (SET_BY[name], recorded)
    return ReleaseEvent(at, event, release or NO_RELEASE, _BY_HAND, words)
