"""The stand: a small home on a file system of its own under the real launcher, a reader who never
stops, and four channels that record.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from recsys_tasks.config import load_config
from recsys_tasks.database import create_engine, urls
from recsys_tasks.monitoring.alerts.spool import spool_of
from recsys_tasks.sources.kinds.shop import ShopSource
from recsys_tasks.sources.shop.source import Shop
from recsys_tasks.stages import Night, local_environment, run_all
from tests.airflow.chaos_night.planted import SECRETS
from tests.airflow.mailbox import Mailbox
from tests.airflow.recorder import Recorder
from tests.airflow.smoke_stand import HOME_MB, PLANTS, TINY, Stand
from tests.airflow.stacks import NIGHT, Launcher, Reader, until, write_settings
from tests.environments import environment_of

DAYS = 60
WAIT = float(os.environ.get("CHAOS_WAIT", "1"))
"""Factor on every wait, for a machine that is slow or shared."""
PORT = 8420
DATABASE_MB = 1200


class NightStand(Stand):
    """The launcher, its reader, its channels, and what is left of a night that failed."""

    def __init__(self, launcher: Launcher, reader: Reader, channels: dict[str, Recorder]) -> None:
        super().__init__(launcher, reader, channels["webhook"])
        self.channels, self.seen = channels, dict[str, int]()

    mailbox: Mailbox
    teams: Recorder
    """A channel that the settings do not have yet."""
    environment: Mapping[str, str]
    """Variables of the launcher."""

    def restart(self) -> None:
        """Another launcher in place of this one; PostgreSQL goes on."""
        with local_environment(self.home):
            self.launcher.stop()
            settings, given = self.launcher.settings, self.environment
            self.launcher = Launcher(self.home, settings, None, PORT, **given)
            self.launcher.wait_up()

    @property
    def messages(self) -> dict[str, int]:
        """Pages of open incidents that each channel took since the last look."""
        return {
            name: sum(map(_is_page, recorder.taken[self.seen.get(name, 0) :]))
            for name, recorder in self.receivers.items()
        }

    @property
    def receivers(self) -> Mapping[str, Recorder | Mailbox]:
        """The other ends of all channels that the settings have."""
        return {**self.channels, "email": self.mailbox}

    def look_from_now(self) -> None:
        """Forget what came until now."""
        super().look_from_now()
        self.seen = {name: len(one.taken) for name, one in self.receivers.items()}

    @property
    def batch(self) -> Path:
        """The file of the newest day that this night reads."""
        return self.home / "shop" / "events" / f"{self.night - timedelta(days=1)}.parquet"

    def wait(self, condition: object, seconds: float, what: str) -> None:
        """As `until`, by this machine's pace."""
        assert callable(condition)
        until(condition, seconds * WAIT, lambda: f"{what}; {self.launcher.said[-2000:]}")

    def until_failed(self, run: str, dag: str = "validate_data") -> None:
        """Until the run is marked as failed."""
        self.wait(lambda: self.state(run, dag) == "failed", 300, f"{dag} did not fail")

    def until_any_failed(self, night: date) -> None:
        """Until any of the night's runs is marked as failed."""
        failed = lambda: "failed" in self.launcher.states_of_night(night)  # noqa: E731
        self.wait(failed, 900, f"no run of {night} failed")

    def until_paged(self) -> None:
        """Until every channel has its page."""
        self.wait(lambda: all(self.messages.values()), 180, f"pages: {self.messages}")

    def until_published(self, night: date) -> None:
        """Until readers see the night, and its last task ended."""
        self.wait(lambda: self.reader.night == night, 900, f"{night} was not published")
        last = [("monitor_recommendations", night, task) for task in ("deliver_alerts", "report")]
        ended = lambda: {self.launcher.task_state(*task) for task in last} == {"success"}  # noqa: E731
        self.wait(ended, 300, "no end of the night")

    def plant(self, stage: str, what: str) -> None:
        """What a stage's next try does: raise, hang, wait (until it is let go), or meet the outside
        world's failure.
        """
        folder = self.home / "plants"
        folder.mkdir(exist_ok=True)
        (folder / stage).write_text(what)

    def until_at_work(self, stage: str) -> None:
        """Until a planted stage began."""
        place = self.home / "plants" / f"{stage}.hangs"
        self.wait(place.exists, 900, f"{stage} did not begin")

    def let_go(self, stage: str) -> None:
        """Let a stage that waits go on, where its process still is."""
        place = self.home / "plants" / f"{stage}.hangs"
        if psutil.pid_exists(int(place.read_text())):
            place.with_suffix(".go").touch()
        place.unlink()

    def recsys(self, *words: str) -> str:
        """What a command of the home says, run by whoever is on call."""
        environment = {
            **os.environ,
            "RECSYS_HOME": str(self.home),
            "RECSYS_CONFIG": str(self.launcher.settings),
        }
        command = [sys.executable, "-m", "recsys_tasks.cli", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        return done.stdout + done.stderr

    def published_nights(self, first: date, last: date) -> list[date]:
        """Nights between these whose lists were published, each once a publication, in order."""
        words = sa.text(
            "SELECT as_of FROM recsys.publication WHERE published_at IS NOT NULL"
            " AND as_of BETWEEN :first AND :last ORDER BY published_at"
        )
        engine = create_engine(urls(self.home)["recsys"])
        with engine.connect() as connection:
            found = list(connection.scalars(words, {"first": first, "last": last}))
        engine.dispose()
        return found

    def kill_hanging(self, stage: str) -> None:
        """SIGKILL to the task of a stage that hangs."""
        place = self.home / "plants" / f"{stage}.hangs"
        self.until_at_work(stage)
        time.sleep(0.5)
        psutil.Process(int(place.read_text())).kill()
        place.unlink()

    def leftovers(self) -> list[str]:
        """What a good night should have cleared."""
        found = [f"open alert {r.alert.kind}" for r in spool_of(environment_of(self.home)).open()]
        engine = create_engine(urls(self.home)["recsys"])
        with engine.connect() as connection:
            found += [
                f"publication {number} is building"
                for number in connection.scalars(
                    sa.text("SELECT id FROM recsys.publication WHERE status = 'building'")
                )
            ]
            found += [
                f"open alert {kind} in the table"
                for kind in connection.scalars(
                    sa.text("SELECT kind FROM recsys.alerts WHERE resolved_at IS NULL")
                )
            ]
        engine.dispose()
        return found + [path.name for path in (self.home / "plants").glob("*")]


def _is_page(body: dict[str, object]) -> bool:
    if "event_action" in body:
        return body["event_action"] == "trigger"
    if "text" in body:
        return not str(body["text"]).startswith("[resolved]")
    return body.get("status", "open") == "open"


@contextmanager
def open_stand(known: Path | None = None) -> Iterator[NightStand]:
    """A home with the lists of one night, under the launcher; needs the right to mount.

    `known`: a stand's folder that was left mounted, to go on with; it stays mounted.
    """
    folder = known or Path(tempfile.mkdtemp(prefix="chaos-night-"))
    home = folder / "home"
    if known is None:
        _mount(home, HOME_MB)
        _mount(folder / "postgres", DATABASE_MB)
        (folder / "airflow").mkdir()
        for name in ("postgres", "airflow"):
            (home / name).symlink_to(folder / name)
    try:
        yield from _running(home)
    finally:
        if known is None:
            for place in (home, folder / "postgres"):
                subprocess.run(["umount", "--lazy", str(place)], check=True)


def _mount(place: Path, megabytes: int) -> None:
    """A file system of its own, so that it can be full."""
    place.mkdir()
    options = f"size={megabytes}m,mode=755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "chaos-night", str(place)], check=True)


def _running(home: Path) -> Iterator[NightStand]:
    channels = {name: Recorder() for name in ("webhook", "slack", "pagerduty", "teams")}
    mailbox, teams = Mailbox(), channels.pop("teams")
    changes: dict[str, Any] = {
        # Half a minute of retries: PostgreSQL is back before it is over.
        "schedule": {
            "retry_first_seconds": 2,
            "retry_minutes": 0.5 * WAIT,
            "limit_minutes": {"build_index": 0.5 * WAIT},
        },
        "alerts": {"teams_connection": None},
    }
    settings = write_settings(home.parent / "recsys.yaml", **TINY | changes)
    config = load_config(settings)
    assert isinstance(config.source, ShopSource)
    shop = Shop(config.source, home)
    if shop.last_day is None:
        shop.simulate(NIGHT + timedelta(days=DAYS))
        with local_environment(home) as environment:
            for _ in run_all(Night.open(config, environment, NIGHT)):
                pass
    connections = {**_connections(channels, mailbox, teams), "PYTHONPATH": str(PLANTS)}
    with Reader(home) as reader:
        stand = NightStand(Launcher(home, settings, None, PORT, **connections), reader, channels)
        stand.mailbox, stand.teams, stand.environment = mailbox, teams, connections
        try:
            stand.launcher.wait_up()
            until(lambda: reader.answers, 60, "the reader was not answered")
            stand.days = _days_tried(stand.launcher)
            yield stand
        finally:
            stand.launcher.stop()
    for stop in (*(one.stop for one in (*channels.values(), teams)), mailbox.stop):
        with suppress(OSError):
            stop()


def _days_tried(launcher: Launcher) -> int:
    runs = [run["partition_key"] for run in launcher.runs() if run.get("partition_key")]
    return max([(date.fromisoformat(run) - NIGHT).days for run in runs], default=0)


def _connections(
    channels: Mapping[str, Recorder], mailbox: Mailbox, teams: Recorder
) -> dict[str, str]:
    """Airflow's connections, with the secrets that nobody may see."""
    mail = {
        "disable_ssl": True,
        "disable_tls": True,
        "from_email": "shop@a.example",
        "to": "ann@a.example",
    }
    opened: dict[str, dict[str, Any]] = {
        "ALERT_WEBHOOK": {"conn_type": "http", "host": f"{channels['webhook'].base}/hook"},
        "SLACK_ALERTS": {"conn_type": "slackwebhook", "host": channels["slack"].base},
        "PAGERDUTY_ALERTS": {"conn_type": "http", "host": channels["pagerduty"].base},
        "TEAMS_ALERTS": {"conn_type": "http", "password": f"{teams.base}/{SECRETS['teams']}"},
        "EMAIL_ALERTS": {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": mailbox.port,
            "extra": mail,
        },
    }
    secrets = {
        "ALERT_WEBHOOK": SECRETS["webhook"],
        "SLACK_ALERTS": f"T/B/{SECRETS['slack']}",
        "PAGERDUTY_ALERTS": SECRETS["pagerduty"],
    }
    for name, secret in secrets.items():
        opened[name]["password"] = secret
    return {f"AIRFLOW_CONN_{name}": json.dumps(found) for name, found in opened.items()}
