"""The machine under a night: a clock that jumps, and the disk of PostgreSQL that is full."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress

from tests.airflow.chaos_night.outcome import Outcome, held, unread
from tests.airflow.chaos_night.stand import NightStand


def clock(stand: NightStand) -> Iterator[Outcome]:
    """The clock of Airflow and its tasks jumps three hours ahead while a stage is at work, and an
    hour back in another night; PostgreSQL's does not, as on a host of its own. Then somebody sets
    it right and does what the page says.
    """
    place = stand.home / "clock.txt"
    place.write_text("0")
    stand.restart()  # a process follows the clock if the file was there before it
    for hours, stage in ((3, "train_two_tower"), (-1, "train_ranker")):
        stand.plant(stage, "wait")
        night, _ = stand.begin()
        stand.until_at_work(stage)
        place.write_text(str(hours * 3600))
        began = time.monotonic()
        time.sleep(2)  # each part has seen it
        stand.let_go(stage)
        stand.until_paged()
        took = time.monotonic() - began
        wrong = [f"{name} had {n} pages" for name, n in stand.messages.items() if n != 1]
        page = stand.pages[0]
        way = f"h {'ahead of' if hours > 0 else 'behind'} PostgreSQL's"
        if page["kind"] != "clocks_apart" or way not in page["message"]:
            wrong.append(f"page: {page['kind']}: {page['message']}")
        place.write_text("0")
        time.sleep(2)
        stand.launcher.wait_up()  # a pass of the time before
        if stand.reader.night != night:
            stand.launcher.trigger(night)
        stand.until_published(night)
        stand.watch()
        wrong += [f"page: {page['kind']}" for page in stand.pages[1:]] + unread(stand)
        case = f"the clock jumps {abs(hours)} h {'ahead' if hours > 0 else 'back'}"
        yield Outcome(case, "held", took, stand.messages, "; ".join(wrong))
    place.unlink()
    stand.restart()


def full_database(stand: NightStand) -> Iterator[Outcome]:
    """The disk of PostgreSQL is full while a night is published; then somebody makes room."""
    stand.plant("publish", "wait")
    night, _ = stand.begin()
    stand.until_at_work("publish")
    folder = (stand.home / "postgres").resolve()
    free = os.statvfs(folder)
    filler = folder / "filler"
    with filler.open("wb") as file, suppress(OSError):
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize)
    stand.let_go("publish")
    outcome = held(stand, "the disk of PostgreSQL is full", night)
    filler.unlink()
    yield outcome
