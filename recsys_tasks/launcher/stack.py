"""PostgreSQL and Airflow on this machine, up and down as one."""

from __future__ import annotations

import fcntl
import signal
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Self

import psycopg

from recsys_tasks.config import Environment
from recsys_tasks.config.essentials import read_essentials
from recsys_tasks.dag_names import FIRST_DAG, NIGHTLY_DAGS, OTHER_DAGS, dag_id
from recsys_tasks.database import (
    EmbeddedServer,
    ServerUse,
    is_running,
    libpq_uri,
    migrate,
    require_migrated,
)
from recsys_tasks.errors import ConfigError
from recsys_tasks.launcher import sessions, trouble
from recsys_tasks.launcher.api import AirflowApi, wait_until
from recsys_tasks.launcher.environment import (
    LOCALHOST,
    Place,
    airflow_environment,
    free_ports,
    not_taken,
    write_exports,
)
from recsys_tasks.launcher.processes import Fleet, MemoryMeter
from recsys_tasks.launcher.supervisor import Supervisor
from recsys_tasks.monitoring.alerts.rerun import trigger_command

PARTS: Mapping[str, tuple[str, ...]] = {
    "api-server": ("airflow", "api-server"),
    # Logs are read from the folder that both share; a server for them would listen on every
    # address.
    "scheduler": ("airflow", "scheduler", "--skip-serve-logs"),
    "dag-processor": ("airflow", "dag-processor"),
}
_UP_SECONDS = 180.0
_CONNECT_SECONDS = 5


class Stack:
    """A context manager: inside it, everything runs; after it, nothing that it started is left.

    What ends by itself inside is started again. PostgreSQL is stopped at the end, unless another
    process uses it. `settings.home` is RECSYS_HOME; a configured RECSYS_DATABASE_URL is used for
    the lists, the embedded server then holds Airflow's own tables only. `say` gets a line for each
    step. No triggerer: no task of ours defers, a task that waits for a person neither.
    """

    def __init__(
        self,
        settings: Environment,
        say: Callable[[str], None],
        *,
        port: int | None = None,
        extra: dict[str, str] | None = None,
    ) -> None:
        self.home, self._settings, self._say, self._port = settings.home, settings, say, port
        self._extra = extra or {}
        self.server: EmbeddedServer
        self.fleet: Fleet
        self.meter: MemoryMeter
        self.supervisor: Supervisor
        self.api: AirflowApi
        self.urls: dict[str, str] = {}
        self.recsys_url = ""
        self.exports: Path
        self._alone: IO[bytes]
        self._use: ServerUse
        self._handlers: dict[int, object] = {}

    def __enter__(self) -> Self:
        self._alone = alone_in(self.home, self.dag_id(FIRST_DAG))
        self._catch_signals()
        if left := sessions.end_left_over(self._logs):
            self._say(f"{left} processes of a launcher that was killed are ended")
        self._use = ServerUse(self.home)
        self.server = EmbeddedServer.start(self.home)
        self.urls = dict(self.server.urls())
        self.recsys_url = self._settings.database_url or self.urls["recsys"]
        try:
            self._start_airflow()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def wait_ready(self) -> None:
        """Until every process is healthy and every DAG is known. Raises RuntimeError on import
        errors.
        """
        wait_until(self._healthy, _UP_SECONDS, "Airflow's processes to be healthy")
        self.api.login()
        wanted = {self.dag_id(name) for name in (*NIGHTLY_DAGS, *OTHER_DAGS)}
        wait_until(
            lambda: self.api.dags() >= wanted or bool(self.api.import_errors()),
            _UP_SECONDS,
            "the DAGs to be read",
        )
        if errors := self.api.import_errors():
            raise RuntimeError("a DAG cannot be imported:\n" + "\n".join(errors))
        self._say(f"Airflow is up at {self.api.base}")

    def dag_id(self, name: str) -> str:
        """The id under which Airflow knows a DAG of this shop."""
        return dag_id(name, read_essentials(self._settings).schedule.dag_prefix)

    @property
    def _logs(self) -> Path:
        return self.home / "airflow" / "processes"

    def _start_airflow(self) -> None:
        self._say("PostgreSQL is up")
        if self._settings.database_url is None:
            migrate(self.urls["recsys_owner"])
        else:
            require_migrated(self._settings.database_url)
        ports = free_ports(self._port)
        place = Place(
            self.home,
            airflow_url=self.urls["airflow"],
            recsys_url=self.recsys_url,
            mlflow_url=self._settings.mlflow_url or self.urls["mlflow"],
            ports=ports,
            config_path=self._settings.config_path.resolve(),
        )
        environment = airflow_environment(place)
        environment |= self._extra
        if others := not_taken(environment):
            self._say(f"not used here, for they are another Airflow's: {', '.join(others)}")
        self.exports = write_exports(self.home / "airflow" / "env.sh", environment)
        self.fleet = Fleet(environment, self._logs)
        self.meter = MemoryMeter(self.fleet)
        self._meter_server()
        self.meter.start()
        self.fleet.run("migrate", ["airflow", "db", "migrate"])
        self._say("Airflow's tables are ready")
        for name, command in PARTS.items():
            self.fleet.start(name, command)
        self.api = AirflowApi(f"http://{LOCALHOST}:{ports.api}")
        self.supervisor = Supervisor(
            self.fleet, self, self._say, self._tell, self._over, self.api.well
        )
        self.supervisor.take_over(trouble.alerted_parts(self._settings))
        self.supervisor.start()

    def _healthy(self) -> bool:
        if name := self.supervisor.failing():
            raise RuntimeError(f"airflow {name} does not stay up:\n{self.fleet.log_tail(name)}")
        return self.api.is_up()

    # --- the embedded server, as the supervisor sees it -------------------------------------------

    def is_up(self) -> bool:
        """Whether its process lives."""
        return is_running(self.home)

    def answers(self) -> bool:
        """Whether it lets Airflow in."""
        try:
            psycopg.connect(
                libpq_uri(self.urls["airflow"]), connect_timeout=_CONNECT_SECONDS
            ).close()
        except psycopg.Error:
            return False
        return True

    def start(self) -> None:
        """Start it again. Raises TransientError."""
        self.server = EmbeddedServer.start(self.home)
        self._meter_server()

    # --- the end ----------------------------------------------------------------------------------

    def _tell(self, part: str, found: str) -> None:
        self._say(trouble.tell(part, found, self.fleet.environment))

    def _over(self, part: str) -> None:
        trouble.over(part, self._settings, now=datetime.now(UTC))  # noqa: TID251  # no night's time

    def _meter_server(self) -> None:
        self.meter.others = tuple(filter(None, [self.server.server.get_pid()]))

    def _stop(self) -> None:
        if hasattr(self, "supervisor"):
            self.supervisor.stop()
        if hasattr(self, "fleet"):
            self.fleet.stop()
            self.meter.stop()
        if self._use.is_last():
            self.server.stop()
        else:
            self._say("PostgreSQL stays up until the other processes that use it have ended")
            self._use.guard()
        self._use.end()
        self._alone.close()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _catch_signals(self) -> None:
        """SIGTERM and SIGHUP end the block like Ctrl-C does, so that nothing stays behind."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                    self._handlers[number] = signal.signal(number, _interrupt)


def alone_in(home: Path, first: str = FIRST_DAG) -> IO[bytes]:
    """A lock on a home for one launcher, until it is closed. Raises ConfigError when another one
    runs there, with the command for a night: `first` is the id of a night's first DAG.

    Two would stop each other's processes and share their logs.
    """
    (home / "airflow").mkdir(parents=True, exist_ok=True)
    handle = (home / "airflow" / ".launcher").open("ab")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        trigger = trigger_command("YYYY-MM-DD", first)
        raise ConfigError(
            expected="no other launcher in this home",
            found="`make airflow`, `make nights` or `make demo` runs there",
            where=str(home),
            remedy=(
                f"for a night there: source {home}/airflow/env.sh; {trigger}; or end the other one,"
                " or choose another RECSYS_HOME"
            ),
        ) from None
    return handle


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
