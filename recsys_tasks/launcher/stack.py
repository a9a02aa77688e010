"""PostgreSQL and Airflow on this machine, up and down as one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from recsys_tasks.config import Environment
from recsys_tasks.database import EmbeddedServer, migrate
from recsys_tasks.launcher.api import AirflowApi, wait_until
from recsys_tasks.launcher.environment import LOCALHOST, airflow_environment, free_ports, write_exports
from recsys_tasks.launcher.processes import Fleet, MemoryMeter

DAGS = frozenset(
    {
        "validate_data",
        "train_two_tower",
        "build_index",
        "train_ranker",
        "precompute_recommendations",
        "monitor_recommendations",
        "watch_freshness",
        "maintain_storage",
    }
)
_UP_SECONDS = 180.0


class Stack:
    """A context manager: inside it, everything runs; after it, nothing that it started is left.

    `settings.home` is RECSYS_HOME; a configured RECSYS_DATABASE_URL is used for the lists, the embedded
    server then holds Airflow's own tables only. `say` gets a line for each step. No triggerer: no task of ours defers.
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
        self.api: AirflowApi
        self.urls: dict[str, str] = {}
        self.recsys_url = ""
        self.exports: Path
        self._handlers: dict[int, object] = {}

    def __enter__(self) -> Self:
        self._catch_signals()
        self.home.mkdir(parents=True, exist_ok=True)
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
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def wait_ready(self) -> None:
        """Until every process is healthy and every DAG is known. Raises RuntimeError on import errors."""
        wait_until(self._healthy, _UP_SECONDS, "Airflow's processes to be healthy")
        self.api.login()
        wait_until(
            lambda: self.api.dags() >= DAGS or bool(self.api.import_errors()), _UP_SECONDS, "the DAGs to be read"
        )
        if errors := self.api.import_errors():
            raise RuntimeError("a DAG cannot be imported:\n" + "\n".join(errors))
        self._say(f"Airflow is up at {self.api.base}")

    def _start_airflow(self) -> None:
        self._say("PostgreSQL is up")
        migrate(self._settings.database_url or self.urls["recsys_owner"])
        ports = free_ports(self._port)
        environment = airflow_environment(
            self.home,
            airflow_url=self.urls["airflow"],
            recsys_url=self.recsys_url,
            mlflow_url=self._settings.mlflow_url or self.urls["mlflow"],
            ports=ports,
            config_path=self._settings.config_path,
            paused=False,
        )
        environment |= self._extra
        self.exports = write_exports(self.home / "airflow" / "env.sh", environment)
        self.fleet = Fleet(environment, self.home / "airflow" / "processes")
        self.meter = MemoryMeter(self.fleet, others=filter(None, [self.server.server.get_pid()]))
        self.meter.start()
        self.fleet.run("migrate", ["airflow", "db", "migrate"])
        self._say("Airflow's tables are ready")
        for name in ("api-server", "scheduler", "dag-processor"):
            self.fleet.start(name, ["airflow", name])
        self.api = AirflowApi(f"http://{LOCALHOST}:{ports.api}")

    def _healthy(self) -> bool:
        if name := self.fleet.dead():
            raise RuntimeError(f"airflow {name} ended by itself:\n{self.fleet.log_tail(name)}")
        return self.api.is_up()

    def _dags_read(self) -> bool:
        return self.api.dags() >= DAGS or bool(self.api.import_errors())

    def _stop(self) -> None:
        if hasattr(self, "fleet"):
            self.fleet.stop()
            self.meter.stop()
        self.server.stop()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _catch_signals(self) -> None:
        """SIGTERM and SIGHUP end the block like Ctrl-C does, so that nothing stays behind."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGHUP):
                self._handlers[number] = signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
