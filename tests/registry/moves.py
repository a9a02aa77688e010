"""A registry's releases and what is on record of them, as tests ask it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from recsys_tasks.registry.audit import ReleaseEvent
from recsys_tasks.registry.registry import Registry

NIGHT = datetime(2026, 3, 10, 1, tzinfo=UTC)


def at(day: int) -> datetime:
    return NIGHT + timedelta(days=day)


def add(registry: Registry, *releases: str) -> None:
    for release in releases:
        registry.register(
            release, f"release/{release}/000001-aa", tags={}, at=NIGHT, who="train_ranker"
        )


def events(registry: Registry) -> list[tuple[str, str]]:
    return [(e.event, e.release) for e in registry.history() if e.event != "registered"]


def serves(release: str) -> None:
    return None


def record(*rows: tuple[int, str, str]) -> list[ReleaseEvent]:
    return [ReleaseEvent(at(day), event, release, "x", "y") for day, event, release in rows]
