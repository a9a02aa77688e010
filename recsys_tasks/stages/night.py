"""One night's context: settings, lake, databases, cutoffs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from recsys_tasks.clock import Cutoffs, Timeline
from recsys_tasks.config import Config, Environment, load_config, read_environment
from recsys_tasks.database import (
    EmbeddedServer,
    ServerUse,
    create_engine,
    database_url,
    is_running,
    migrate,
    owner_url,
)
from recsys_tasks.errors import ConfigError
from recsys_tasks.lake import Lake
from recsys_tasks.snapshot.dataset import Snapshot, open_snapshot

if TYPE_CHECKING:
    from recsys_tasks.config.nights import Nights
    from recsys_tasks.registry.registry import Registry
    from recsys_tasks.stages.alarms import OnCall
    from recsys_tasks.stages.serving_state import Serving

NIGHTLY_HOUR = 1


def time_of(as_of: date) -> datetime:
    """When a night runs in a simulated shop: 01:00 UTC of its day."""
    return datetime.combine(as_of, time(NIGHTLY_HOUR), UTC)


@dataclass(frozen=True)
class Night:
    """All that a stage needs to know about its night.

    Functions that a stage calls get only the parts that they need, not the night; the run report
    alone gets the whole night.
    """

    config: Config
    environment: Environment
    as_of: date
    now: datetime
    shards_at_once: int = 1
    """Shards that run on this machine at the same time and share its threads."""

    @classmethod
    def open(
        cls, config: Config, environment: Environment, as_of: date, now: datetime | None = None
    ) -> Night:
        """The night of `as_of`; with `clock: simulated`, or no `now`, it is 01:00 UTC of that day.

        Raises ConfigError for a day that has not begun by `now`: its data are not complete.
        """
        if config.clock == "wall" and now is not None and as_of > now.astimezone(UTC).date():
            raise ConfigError(
                expected=(
                    f"a night that has begun: {now.astimezone(UTC).date()} in UTC or an earlier one"
                ),
                found=f"{as_of}, which is in the future",
                where="the date of the night",
                remedy=(
                    "correct the date; a shop whose days are simulated or past has `clock:"
                    " simulated`"
                ),
            )
        return cls(
            config,
            environment,
            as_of,
            time_of(as_of) if now is None or config.clock == "simulated" else now,
        )

    @classmethod
    def from_environment(cls, as_of: date, now: datetime | None = None) -> Night:
        """The night of `as_of` under the environment's settings file, home, lake and database."""
        environment = read_environment()
        return cls.open(load_config(environment.config_path), environment, as_of, now)

    @cached_property
    def lake(self) -> Lake:
        """The store of artifacts."""
        return Lake(self.environment.lake, cache=self.environment.home / "lake-cache")

    @cached_property
    def snapshot(self) -> Snapshot:
        """Tonight's frozen data. Raises ArtifactError when `freeze` has not passed."""
        return open_snapshot(self.config, self.lake, self.as_of)

    def forget_what_was_replaced(self) -> None:
        """Forget the opened snapshot if its version was replaced, so that it is opened again: a
        user may be erased between two stages.
        """
        opened = vars(self).get("snapshot")
        if opened is not None and not self.lake.is_there(opened.artifact):
            del vars(self)["snapshot"]

    @cached_property
    def engine(self) -> Engine:
        """Engine of the recsys database, as the role that writes."""
        return create_engine(self.writer_url)

    @cached_property
    def writer_url(self) -> str:
        """URL of the recsys database for the pipeline's own role."""
        return database_url(self.environment)

    @cached_property
    def registry(self) -> Registry:
        """The model registry."""
        from recsys_tasks.registry.registry import Registry

        return Registry(mlflow_url(self.environment), self.engine, self.config.project)

    @cached_property
    def timeline(self) -> Timeline:
        """The label windows (as many as the rankers need), the gate window and tonight."""
        from recsys_tasks.ranking.examples.build import windows_needed

        timeline = Timeline.for_night(
            self.as_of,
            self.config.label_window_days,
            self.config.ranker.windows,
            self.snapshot.first_day,
            self.config.min_history_days,
        )
        return timeline.newest(windows_needed(self.snapshot, timeline))

    @cached_property
    def tonight(self) -> Cutoffs:
        """Cutoffs of the lists that tonight publishes."""
        return self.cutoffs_at(self.as_of)

    @cached_property
    def gate(self) -> Cutoffs:
        """Cutoffs of the releases that the gate judges on [E, as_of)."""
        return self.cutoffs_at(self.timeline.gate_cutoff)

    @cached_property
    def label_windows(self) -> tuple[Cutoffs, ...]:
        """Cutoffs of the ranker's label windows, newest first."""
        return tuple(self.cutoffs_at(day) for day in self.timeline.label_cutoffs)

    @property
    def needed_cutoffs(self) -> tuple[Cutoffs, ...]:
        """Every pair of cutoffs that tonight learns or scores at: label windows, the gate,
        tonight.
        """
        return (*self.label_windows, self.gate, self.tonight)

    @cached_property
    def serving(self) -> Serving:
        """The releases that serve or are compared: champion, anchor and their lineages."""
        from recsys_tasks.serving.publication import shown_then
        from recsys_tasks.stages.serving_state import Serving

        return Serving(
            self.config,
            self.lake,
            self.as_of,
            lambda: self.registry,
            lambda: shown_then(self.engine, self.as_of),
        )

    @cached_property
    def on_call(self) -> OnCall:
        """The receiver of tonight's alarms."""
        from recsys_tasks.stages.alarms import OnCall

        return OnCall(
            self.environment,
            self.engine,
            self.config.alerts.runbook_base,
            self.as_of,
            self.now,
            self.expected_nights,
        )

    @property
    def expected_nights(self) -> Nights | None:
        """When the shop's nights start and are expected; a simulated shop has no schedule."""
        return self.config.schedule.nights if self.config.clock == "wall" else None

    def cutoffs_at(self, day: date) -> Cutoffs:
        """Cutoffs with histories up to `day` and learning up to `learning_lag_days` before it."""
        return Cutoffs.at(day, self.config.learning_lag_days)


def mlflow_url(environment: Environment) -> str:
    """URL of the model registry's store. Raises ConfigError when only the recsys database is
    configured.
    """
    if environment.mlflow_url:
        return environment.mlflow_url
    if environment.database_url:
        raise ConfigError(
            expected="RECSYS_MLFLOW_URL beside RECSYS_DATABASE_URL",
            found="it is unset",
            where="the environment",
            remedy=(
                "export RECSYS_MLFLOW_URL=postgresql+psycopg2://…/mlflow (any database that MLflow"
                " may own)"
            ),
        )
    from recsys_tasks.database import urls

    return urls(environment.home)["mlflow"]


@contextmanager
def local_environment(home: Path | None = None) -> Iterator[Environment]:
    """The environment, with a running database within the `with` block: the configured one, or the
    embedded server, migrated.

    A server that this starts is stopped when the last process that uses it has ended, even by a
    kill. A configured database is migrated by `recsys migrate` alone: the pipeline's own role may
    not change the schema.

    `home` replaces RECSYS_HOME and lake, and then always uses an embedded server of its own.
    """
    environment = read_environment()
    if home is not None:
        changes = {
            "home": home.resolve(),
            "lake": str(home.resolve() / "lake"),
            "database_url": None,
        }
        environment = environment.model_copy(update={**changes, "mlflow_url": None})
    with running(environment):
        yield environment


@contextmanager
def running(environment: Environment, *, migrated: bool = True) -> Iterator[None]:
    """The database of an environment runs within the `with` block. An embedded one is `migrated`,
    unless what is loaded into it brings its tables.
    """
    if environment.database_url:
        yield
        return
    with ended_by_signals(), ServerUse(environment.home) as use:
        ours = not is_running(environment.home)
        server = EmbeddedServer.start(environment.home)
        try:
            if ours:
                use.guard()
            if migrated:
                migrate(owner_url(environment))
            yield
        finally:
            if ours and use.is_last():
                server.stop()


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the block as Ctrl-C does, so that what it started is stopped; `nohup`
    stays in force.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [
        n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is not signal.SIG_IGN
    ]
    before = {number: signal.signal(number, _end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
