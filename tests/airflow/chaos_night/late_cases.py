"""Faults that need settings of their own: stages that hang, and a channel that is added later."""

from __future__ import annotations

import time
from collections.abc import Iterator

import yaml

from tests.airflow.chaos_night.outcome import Outcome, held, unread
from tests.airflow.chaos_night.stand import NightStand


def limits(stand: NightStand) -> Iterator[Outcome]:
    """A stage that hangs once, and one that hangs in each try; its limit is half a minute."""
    stand.plant("build_index", "hang")
    night, _ = stand.begin()
    began = time.monotonic()
    stand.until_published(night)
    stand.watch()
    (stand.home / "plants" / "build_index.hangs").unlink()
    wrong = "; ".join([*(f"page: {page['kind']}" for page in stand.pages), *unread(stand)])
    took = time.monotonic() - began
    yield Outcome("build_index hangs once", "recovered", took, stand.messages, wrong)
    stand.plant("build_index", "stuck")
    night, _ = stand.begin()
    words = ("TimedOut", "build_index", "seconds")
    yield held(stand, "build_index hangs in each try", night, *words)
    (stand.home / "plants" / "build_index").unlink()


def added(stand: NightStand) -> Iterator[Outcome]:
    """A channel that is set up after one night had failed and another was good has the page of the
    next failure, and no older one.
    """
    settings, plant = stand.launcher.settings, stand.home / "plant.txt"
    plant.write_text("raise")
    _, run = stand.begin()
    before = held(stand, "a failing night before a channel is added", run)
    plant.unlink()
    night, _ = stand.begin()
    stand.until_published(night)
    right = settings.read_text()
    more = yaml.safe_load(right) | {"alerts": {"teams_connection": "teams_alerts"}}
    settings.write_text(yaml.safe_dump(more))
    stand.channels["teams"] = stand.teams
    plant.write_text("raise")
    _, run = stand.begin()
    outcome = held(stand, "a channel that was added later", run)
    plant.unlink()
    del stand.channels["teams"]
    settings.write_text(right)
    if (n := len(stand.teams.taken)) != 1:
        outcome.wrong += f"; the new channel took {n} messages"
    yield from (before, outcome)
