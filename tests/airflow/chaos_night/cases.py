"""The faults, in groups that share a night where none of them can mask another.

A case says what became of it: `recovered`, where the night went on by itself and nobody was called,
or `held`, where readers kept their lists and every channel had one page that named the cause.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil

from recsys_tasks.database import EmbeddedServer
from tests.airflow.chaos_night.batches import EVENTS, TABLES, cut, scribble, spoil
from tests.airflow.chaos_night.late_cases import added, limits
from tests.airflow.chaos_night.machine_cases import clock, full_database
from tests.airflow.chaos_night.more_cases import lake, moments, order, points
from tests.airflow.chaos_night.outcome import Outcome, held, unread
from tests.airflow.chaos_night.planted import A_USER, SECRETS
from tests.airflow.chaos_night.stand import NightStand
from tests.database.test_shared_server import restart

Group = Callable[[NightStand], Iterator[Outcome]]


def good_night(stand: NightStand) -> list[str]:
    """The next night, without a fault, and the weekly maintenance; what is left after both."""
    night, _ = stand.begin()
    stand.until_published(night)
    stand.recsys("maintain")
    stand.watch()
    return [*stand.leftovers(), *(f"page: {page['kind']}" for page in stand.pages)]


# --- deliveries -----------------------------------------------------------------------------------


def deliveries(stand: NightStand) -> Iterator[Outcome]:
    """Twelve kinds of bad rows, three of bad tables, and two files that are none: one page each."""
    for name, change in EVENTS.items():
        yield _delivered(stand, name, partial(spoil, change=change))
    for name, (table, change) in TABLES.items():
        yield _delivered(stand, name, partial(spoil, change=change), table)
    yield _delivered(stand, "half of a file", cut)
    yield _delivered(stand, "a page of words in place of a file", scribble)


def _delivered(
    stand: NightStand, name: str, harm: Callable[[Path], bytes], table: str = ""
) -> Outcome:
    stand.days += 1
    path = stand.home / "shop" / table if table else stand.batch
    stand.days -= 1
    good = harm(path)
    try:
        _, run = stand.begin()
        return held(stand, f"delivery: {name}", run)
    finally:
        path.write_bytes(good)


# --- errors and kills -----------------------------------------------------------------------------


def errors(stand: NightStand) -> Iterator[Outcome]:
    """An error nobody foresaw, and a task that is killed at every try."""
    (stand.home / "plant.txt").write_text(f"raise of {A_USER}, {SECRETS['an error']}")
    _, run = stand.begin()
    yield held(stand, "exception in freeze", run, "ValueError", "freeze")
    (stand.home / "plant.txt").write_text("hang")
    _, run = stand.begin()
    for number in (1, 2, 3):
        stand.until_killed(number)
    yield held(stand, "SIGKILL of freeze at each try", run, "Killed", "freeze")
    (stand.home / "plant.txt").unlink()


KILLED = ("extract", "train_two_tower", "embed", "build_index", "train_ranker", "precompute_shard")


def kills(stand: NightStand) -> Iterator[Outcome]:
    """One night: a task of each DAG is killed at its first try, and each part of Airflow once; a
    session of the database, too.
    """
    for stage in KILLED:
        stand.plant(stage, "hang")
    night, _ = stand.begin()
    began, seconds = time.monotonic(), dict[str, float]()
    parts = iter(("dag-processor", "triggerer", "api-server", "scheduler"))
    for stage in KILLED:
        stand.kill_hanging(stage)
        seconds[f"SIGKILL of {stage} at its first try"] = time.monotonic() - began
        part = next(parts, "")
        process = stand.launcher.part(f"airflow {part}") if part else None
        if process is not None:
            process.kill()
            seconds[f"SIGKILL of the {part}"] = time.monotonic() - began
    stand.until_published(night)
    done = time.monotonic() - began
    stand.watch()
    wrong = "; ".join([*(f"page: {p['kind']}" for p in stand.pages), *unread(stand)])
    for case, at in seconds.items():
        yield Outcome(case, "recovered", done - at, stand.messages, wrong)


def database(stand: NightStand) -> Iterator[Outcome]:
    """PostgreSQL: a session killed, a restart, a kill; readers are answered again in seconds."""
    for how in ("a session is killed", "restarted", "killed"):
        server = EmbeddedServer.start(stand.home)
        postmaster = psutil.Process(server.server.get_pid())
        stand.look_from_now()
        began = time.monotonic()
        if how == "restarted":
            restart(server)
        else:
            (postmaster if how == "killed" else postmaster.children()[-1]).kill()
        asked = stand.reader.answers
        stand.wait(lambda n=asked: stand.reader.answers > n + 5, 60, "readers are not answered")
        seconds = time.monotonic() - began
        stand.wait(stand.launcher.healthy, 180, "Airflow is not well again")
        wrong = "; ".join(f"page: {p['kind']}" for p in stand.pages)
        yield Outcome(f"PostgreSQL: {how}", "recovered", seconds, stand.messages, wrong)
        stand.launcher.wait_up()


# --- the place ------------------------------------------------------------------------------------


def place(stand: NightStand) -> Iterator[Outcome]:
    """The home read-only, and full; a settings file that is broken."""
    _mount(stand, "remount,ro")
    _, run = stand.begin()
    yield held(stand, "home read-only", run)
    _mount(stand, "remount,rw")
    free = os.statvfs(stand.home)
    filler = stand.home / "filler"
    with filler.open("wb") as file, suppress(OSError):  # full meanwhile, by others
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize)
    _, run = stand.begin()
    yield held(stand, "disk full", run)
    filler.unlink()
    right = stand.launcher.settings.read_text()
    for case, broken in {
        "settings: an unknown section": right + "\nnonsense: 1\n",
        "settings: no YAML": right + "\nschedule: {nightly: [\n",
        "settings: a cron that never fires": right + "\nschedule: {nightly: '61 25 * * *'}\n",
    }.items():
        stand.launcher.settings.write_text(broken)
        _, run = stand.begin()
        yield held(stand, case, run, "ConfigError", str(stand.launcher.settings))
        stand.launcher.settings.write_text(right)
        stand.watch()  # it ends the alert: the next mistake is another incident


def _mount(stand: NightStand, options: str) -> None:
    subprocess.run(["mount", "-o", options, str(stand.home)], check=True)


# --- channels -------------------------------------------------------------------------------------


def channels(stand: NightStand) -> Iterator[Outcome]:
    """One failing night: a webhook that says 429, a Slack that hangs, a pager that says 500; each
    has its page once it is well, and none held another up.
    """
    stand.channels["webhook"].answers += [429] * 2
    stand.channels["slack"].seconds = 25.0
    stand.channels["pagerduty"].answers += [500] * 2
    (stand.home / "plant.txt").write_text("raise")
    _, run = stand.begin()
    began = time.monotonic()
    stand.until_failed(run)
    stand.wait(lambda: len(stand.channels["slack"].bodies) > stand.seen["slack"], 120, "no slack")
    stand.channels["slack"].seconds = 0.0
    stand.channels["webhook"].answers.clear()
    stand.channels["pagerduty"].answers.clear()
    for _ in range(3):
        stand.watch()
    stand.wait(lambda: stand.messages["slack"], 60, "Slack never answered what it got")
    seconds, messages = time.monotonic() - began, stand.messages
    (stand.home / "plant.txt").unlink()
    for case, name, most in (
        ("a webhook that answers 429", "webhook", 1),
        ("a Slack that hangs", "slack", 2),  # a message that may have arrived is repeated once
        ("a pager that answers 500", "pagerduty", 1),
    ):
        wrong = "" if 1 <= messages[name] <= most else f"{name} took {messages[name]} messages"
        wrong += "; ".join(unread(stand))
        yield Outcome(case, "held", seconds, messages, wrong)


GROUPS: dict[str, Group] = {
    "errors": errors,
    "deliveries": deliveries,
    "place": place,
    "channels": channels,
    "database": database,
    "kills": kills,
    "points": points,
    "moments": moments,
    "lake": lake,
    "order": order,
    "limits": limits,
    "added": added,
    "clock": clock,
    "full_database": full_database,
}
