"""Parts are broken under the real launcher: on-call gets exactly one right page, readers are never
without lists.

A webhook on 127.0.0.1 records what on-call gets. Minutes: `make chaos-smoke` runs it, and `make
test-slow`. The home is a file system of its own, so that it can be full or read-only; databases and
logs lie beside it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from recsys_tasks.config import load_config
from recsys_tasks.database import EmbeddedServer
from recsys_tasks.sources.kinds.shop import ShopSource
from recsys_tasks.sources.shop.source import Shop
from recsys_tasks.stages import Night, local_environment, run_all
from tests.airflow.recorder import Recorder
from tests.airflow.smoke_stand import DAYS, HOME_MB, PLANTS, TINY, Stand
from tests.airflow.stacks import NIGHT, Launcher, Reader, until, write_settings
from tests.database.test_shared_server import restart

pytestmark = [pytest.mark.slow, pytest.mark.airflow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small file system: skipped where nothing may be mounted."""
    folder = tmp_path_factory.mktemp("chaos")
    place = folder / "home"
    place.mkdir()
    mounted = [
        "mount",
        "-t",
        "tmpfs",
        "-o",
        f"size={HOME_MB}m,mode=755",
        "nightshelf-chaos",
        str(place),
    ]
    if os.geteuid() or subprocess.run(mounted, check=False, capture_output=True).returncode:
        pytest.skip(
            "needs the right to mount a small file system, for a home that is full or read-only"
        )
    for name in ("postgres", "airflow"):
        (folder / name).mkdir()
        (place / name).symlink_to(folder / name)
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture(scope="module")
def stand(home: Path) -> Iterator[Stand]:
    """A home with the lists of one night, under the launcher, and a reader who never stops
    asking.
    """
    recorder, folder = Recorder(), home.parent
    settings = write_settings(folder / "recsys.yaml", **TINY)
    config = load_config(settings)
    assert isinstance(config.source, ShopSource)
    Shop(config.source, home).simulate(NIGHT + timedelta(days=DAYS))
    with local_environment(home) as environment:
        for _ in run_all(Night.open(config, environment, NIGHT)):
            pass
    with Launcher(home, settings, recorder, PYTHONPATH=str(PLANTS)) as launcher:
        launcher.wait_up()
        with Reader(home) as reader:
            until(lambda: reader.answers, 30, "the reader was not answered")
            yield Stand(launcher, reader, recorder)
    recorder.stop()


def test_2_a_killed_scheduler_is_back_and_the_night_goes_on_without_a_page(stand: Stand) -> None:
    night, run = stand.begin()
    until(
        lambda: (
            stand.launcher.tasks("validate_data", run).get("freeze", {}).get("state") == "running"
        ),
        240,
        "freeze",
    )
    scheduler = stand.launcher.part("airflow scheduler")
    assert scheduler is not None
    killed = datetime.now(UTC).isoformat()  # noqa: TID251
    scheduler.kill()
    until(
        lambda: stand.launcher.part_other_than(scheduler, "airflow scheduler"),
        60,
        lambda: stand.launcher.said,
    )
    # The task is taken up as soon as the dead scheduler's heartbeat is old, not with the next look
    # in five minutes.
    until(
        lambda: (
            stand.launcher.tasks("validate_data", run).get("freeze", {}).get("start_date", "")
            > killed
        ),
        200,
        "freeze again",
    )
    until(lambda: stand.reader.night == night, 900, lambda: stand.launcher.said)
    assert "airflow scheduler ended by itself (signal 9)" in stand.launcher.said
    until(
        lambda: stand.launcher.states("monitor_recommendations")[:1] == ["success"],
        200,
        lambda: stand.launcher.said,
    )
    stand.watch()
    assert stand.reader.failures == [] and stand.pages == []


@pytest.mark.parametrize("how", ["a session is killed", "restarted", "killed"])
def test_a_hiccup_of_the_database_is_over_in_seconds_and_airflow_lives_on(
    stand: Stand, how: str
) -> None:
    server = EmbeddedServer.start(stand.home)  # joins it
    postmaster = psutil.Process(server.server.get_pid())
    stand.look_from_now()
    if how == "restarted":
        restart(server)
    else:
        (postmaster if how == "killed" else postmaster.children()[-1]).kill()
    asked = stand.reader.answers
    until(lambda: stand.reader.answers > asked + 5, 60, lambda: stand.launcher.said)
    until(stand.launcher.healthy, 180, lambda: stand.launcher.said)
    times = [moment for moment, _ in stand.reader.failures]
    assert not times or max(times) - min(times) < 30
    assert stand.pages == []
    stand.launcher.wait_up()


@pytest.mark.parametrize("how", ["read-only", "full"])
def test_3_a_home_that_cannot_be_written_is_one_page(stand: Stand, how: str) -> None:
    filler = stand.home / "filler"
    if how == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", str(stand.home)], check=True)
    else:
        free = os.statvfs(stand.home)
        with filler.open("wb") as file:  # closed, or its space stays taken after it is removed
            os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize)
    try:
        _, run = stand.begin()
        stand.until_failed(run)
        page = stand.one_page()
        assert (
            "Read-only" in page["message"]
            or "No space left" in page["message"]
            or "OSError" in page["message"]
        )
        assert str(stand.night) in page["message"]
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(stand.home)], check=True)
        filler.unlink(missing_ok=True)


def test_4_a_broken_settings_file_is_one_page_and_the_watcher_still_looks(stand: Stand) -> None:
    settings = stand.launcher.settings
    right = settings.read_text()
    settings.write_text(right + "\nnonsense: 1\nschedule: {nightly: '61 25 * * *'}\n")
    try:
        _, run = stand.begin()
        stand.until_failed(run)
        page = stand.one_page()
        assert (
            page["kind"] == "ConfigError"
            and str(settings) in page["message"]
            and "nonsense" in page["message"]
        )
        assert page["runbook"].endswith("settings-wrong.md")
    finally:
        settings.write_text(right)


def test_6_item_vectors_that_changed_after_they_were_written_stop_the_night(stand: Stand) -> None:
    night, _ = stand.begin()
    before = stand.reader.night
    until(
        lambda: stand.launcher.task_state("build_index", night, "embed") == "success",
        900,
        lambda: stand.launcher.said,
    )
    (vectors,) = (stand.home / "lake" / "embeddings").glob(f"*@{night}/*/item_vectors.npy")
    vectors.chmod(0o644)
    with vectors.open("r+b") as file:  # noise of the same size
        size = vectors.stat().st_size
        file.seek(size // 2)
        file.write(os.urandom(size - size // 2))
    until(
        lambda: "failed" in stand.launcher.states_of_night(night), 600, lambda: stand.launcher.said
    )
    page = stand.one_page()
    assert page["kind"] == "DamagedArtifact" and "item_vectors" in page["message"]
    assert page["runbook"].endswith("artifact-missing.md")
    assert stand.reader.night == before


def test_11_and_16_a_page_names_the_present_cause_and_two_deliverers_send_it_once(
    stand: Stand,
) -> None:
    plant = stand.home / "plant.txt"
    plant.write_text("raise")
    stand.recorder.seconds = (
        15.0  # the first deliverer waits for the channel while the watcher looks
    )
    try:
        _, run = stand.begin()
        stand.until_failed(run)
        page = stand.one_page()
        assert page["kind"] == "ValueError"
    finally:
        stand.recorder.seconds = 0.0
    plant.write_text("hang")
    stand.look_from_now()
    stand.launcher.clear("validate_data", run)
    for number in (1, 2):
        stand.until_killed(number)
    stand.until_failed(run)
    plant.unlink()
    page = stand.one_page()
    assert (
        page["kind"] == "Killed"
        and "ValueError" not in page["message"]
        and page["task"] == "freeze"
    )
    assert page["runbook"].endswith("task-killed.md")
