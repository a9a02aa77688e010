"""Faults within a night that goes on: PostgreSQL at five points, files of the lake, the outside
world for a moment, and nights that are run twice, late or with a DAG paused.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import psutil

from recsys_tasks.database import EmbeddedServer
from tests.airflow.chaos_night.outcome import Outcome, held, unread
from tests.airflow.chaos_night.stand import NightStand

POINTS = ("extract", "train_two_tower", "train_ranker", "precompute_shard", "publish")


def points(stand: NightStand) -> Iterator[Outcome]:
    """One night: PostgreSQL is killed while each of five stages is at work."""
    for stage in POINTS:
        stand.plant(stage, "wait")
    night, _ = stand.begin()
    seconds = dict[str, float]()
    for stage in POINTS:
        stand.until_at_work(stage)
        stand.reader.failures.clear()
        asked = stand.reader.answers
        psutil.Process(EmbeddedServer.start(stand.home).server.get_pid()).kill()
        at = time.monotonic()
        stand.wait(lambda n=asked: stand.reader.answers > n + 5, 120, "readers are not answered")
        seconds[f"PostgreSQL killed during {stage}"] = time.monotonic() - at
        stand.wait(stand.launcher.healthy, 240, "Airflow is not well again")
        stand.let_go(stage)
    stand.launcher.wait_up()
    stand.until_published(night)
    stand.watch()
    wrong = "; ".join(f"page: {page['kind']}" for page in stand.pages)
    for case, at in seconds.items():
        yield Outcome(case, "recovered", at, stand.messages, wrong)


# --- the lake -------------------------------------------------------------------------------------


def noise(path: Path) -> None:
    """Other bytes of the same size."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(os.urandom(path.stat().st_size - path.stat().st_size // 2))


def shorten(path: Path) -> None:
    """Half of the file."""
    os.truncate(path, path.stat().st_size // 2)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "noise": noise,
    "cut short": shorten,
    "gone": Path.unlink,
}
FILES = (
    ("build_index", "embeddings", "item_vectors.npy", "noise"),
    ("build_index", "embeddings", "item_vectors.npy", "cut short"),
    ("build_index", "embeddings", "item_vectors.npy", "gone"),
    ("embed", "tower", "manifest.json", "cut short"),
)


def lake(stand: NightStand) -> Iterator[Outcome]:
    """A file of the lake is damaged between the stage that wrote it and the one that reads it; then
    whoever is on call does what the page's runbook says, and the night is published.
    """
    for stage, kind, file, harm in FILES:
        stand.plant(stage, "hang")
        night, _ = stand.begin()
        stand.until_at_work(stage)
        newest = max((stand.home / "lake" / kind).glob(f"*{night}*/*/{file}"))
        newest.chmod(0o644)
        DAMAGES[harm](newest)
        stand.kill_hanging(stage)
        outcome = held(stand, f"lake: {kind}/{file} {harm}", night, file.partition(".")[0])
        stand.recsys("verify", "--set-aside")
        stand.launcher.trigger(night)
        stand.until_published(night)
        yield outcome


# --- the outside world for a moment ---------------------------------------------------------------

FOR_A_MOMENT = ("extract", "embed", "train_ranker", "publish")


def moments(stand: NightStand) -> Iterator[Outcome]:
    """One night in which four stages meet a connection that breaks, once each."""
    for stage in FOR_A_MOMENT:
        stand.plant(stage, "outside")
    night, _ = stand.begin()
    began = time.monotonic()
    stand.until_published(night)
    stand.watch()
    wrong = "; ".join([*(f"page: {page['kind']}" for page in stand.pages), *unread(stand)])
    for stage in FOR_A_MOMENT:
        seconds = time.monotonic() - began
        yield Outcome(f"a connection breaks in {stage}", "recovered", seconds, {}, wrong)


# --- order ----------------------------------------------------------------------------------------


def order(stand: NightStand) -> Iterator[Outcome]:
    """Two runs of one night; a DAG that is paused when its turn comes; two nights at once."""
    began = time.monotonic()
    night, _ = stand.begin()
    stand.launcher.trigger(night)
    stand.until_published(night)
    yield _quiet(stand, "two runs of one night", began, night)
    began = time.monotonic()
    stand.launcher.pause("build_index", True)
    night, _ = stand.begin()
    last = ("train_two_tower", night, "train_two_tower")
    stand.wait(lambda: stand.launcher.task_state(*last) == "success", 600, "no tower")
    stand.watch()
    pages = [page["kind"] for page in stand.pages]
    told = pages == ["paused"] and "airflow dags unpause build_index" in stand.pages[0]["remedy"]
    wrong = "" if told else f"pages: {pages}"
    stand.launcher.pause("build_index", False)  # as the page says, and then:
    stand.launcher.trigger(night)
    stand.until_published(night)
    stand.watch()
    messages = stand.messages
    yield Outcome("build_index paused", "held", time.monotonic() - began, messages, wrong)
    began = time.monotonic()
    earlier, _ = stand.begin()
    later, _ = stand.begin()
    stand.until_published(later)
    outcome = _quiet(stand, "two nights at once", began, later)
    if stand.published_nights(earlier, later) != [earlier, later]:
        outcome.wrong += f"; published: {stand.published_nights(earlier, later)}"
    yield outcome


def _quiet(stand: NightStand, case: str, began: float, night: date) -> Outcome:
    stand.watch()
    wrong = [*(f"page: {page['kind']}" for page in stand.pages), *unread(stand)]
    if stand.published_nights(night, night) != [night]:
        wrong.append(f"published: {stand.published_nights(night, night)}")
    seconds = time.monotonic() - began
    return Outcome(case, "recovered", seconds, stand.messages, "; ".join(wrong))
