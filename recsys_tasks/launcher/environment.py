"""The environment of the Airflow processes that the launcher starts: own home, own ports, no
outside traffic.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shlex
import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from recsys_tasks.config import PROJECT_ROOT

LOCALHOST = "127.0.0.1"
_TASKS_AT_ONCE = 3
Section = Mapping[str, object]
"""Options of one section of airflow.cfg, by name."""
_TAKEN = ("AIRFLOW_CONN_", "AIRFLOW_VAR_")


@dataclass(frozen=True)
class Ports:
    """TCP ports on 127.0.0.1."""

    api: int
    worker_log: int
    trigger_log: int


def free_ports(preferred_api: int | None = None) -> Ports:
    """Ports that nobody listens on now; the API's is `preferred_api` where that is free."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
        for index, one in enumerate(sockets):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind((LOCALHOST, preferred_api if index == 0 and preferred_api else 0))
            except OSError:
                one.bind((LOCALHOST, 0))
        return Ports(*(one.getsockname()[1] for one in sockets))


@dataclass(frozen=True)
class Place:
    """What one Airflow of this launcher works with: its folders, its databases, its ports."""

    home: Path
    """RECSYS_HOME."""
    airflow_url: str
    recsys_url: str
    mlflow_url: str
    ports: Ports
    config_path: Path

    @property
    def airflow_home(self) -> Path:
        """AIRFLOW_HOME."""
        return self.home / "airflow"

    @property
    def base(self) -> str:
        """Where the API listens."""
        return f"http://{LOCALHOST}:{self.ports.api}"


def airflow_environment(place: Place) -> dict[str, str]:
    """Every variable of the children; secrets are made in the home once."""
    place.airflow_home.mkdir(parents=True, exist_ok=True)
    keys = _secrets(place.airflow_home / "secrets.json")
    settings = {
        "core": _core(place, keys),
        "database": {
            "sql_alchemy_conn": place.airflow_url,
            "sql_alchemy_pool_size": 3,
            "sql_alchemy_max_overflow": 5,
        },
        "api": {
            "host": LOCALHOST,
            "port": place.ports.api,
            "base_url": place.base,
            "workers": 1,
            "secret_key": keys["secret_key"],
        },
        "api_auth": {"jwt_secret": keys["jwt_secret"]},
        "logging": _logging(place),
        **_HASTE,
        "openlineage": {"extractors": "recsys_lineage.StageLineage"},
        "usage_data_collection": {"enabled": False},
    }
    environment = {
        f"AIRFLOW__{section.upper()}__{key.upper()}": str(value)
        for section, values in settings.items()
        for key, value in values.items()
    }
    return (
        _inherited()
        | environment
        | {
            "AIRFLOW_HOME": str(place.airflow_home),
            "RECSYS_HOME": str(place.home),
            "RECSYS_DATABASE_URL": place.recsys_url,
            "RECSYS_MLFLOW_URL": place.mlflow_url,
            "RECSYS_CONFIG": str(place.config_path),
        }
    )


def _core(place: Place, keys: Mapping[str, str]) -> Section:
    return {
        "dags_folder": PROJECT_ROOT / "dags",
        "plugins_folder": PROJECT_ROOT / "plugins",
        "load_examples": False,
        "executor": "LocalExecutor",
        "parallelism": _TASKS_AT_ONCE,
        "max_active_tasks_per_dag": _TASKS_AT_ONCE,
        "fernet_key": keys["fernet_key"],
        "execution_api_server_url": f"{place.base}/execution/",
        "simple_auth_manager_all_admins": True,  # the API listens on 127.0.0.1 only
        "dags_are_paused_at_creation": False,
    }


def _logging(place: Place) -> Section:
    return {
        "base_log_folder": place.airflow_home / "logs",
        "worker_log_server_port": place.ports.worker_log,
        "trigger_log_server_port": place.ports.trigger_log,
        "logging_level": "WARNING",
        "namespace_levels": "recsys_tasks=INFO",  # what stages say of their work
    }


_HASTE: Mapping[str, Section] = {
    "scheduler": {
        "scheduler_idle_sleep_time": 0.2,
        "scheduler_heartbeat_sec": 5,
        "job_heartbeat_sec": 5,
        # What a killed scheduler left running is taken up by the next one as soon as its
        # heartbeat is old (30 s).
        "orphaned_tasks_check_interval": 15,
        "enable_health_check": False,
    },
    "dag_processor": {
        "parsing_processes": 1,
        "min_file_process_interval": 3600,
        "refresh_interval": 3600,
        "bundle_refresh_check_interval": 1,
        "print_stats_interval": 0,
    },
}
"""A night is a dozen short hops one after the other: how soon each is noticed is most of the
waiting.
"""


def write_exports(path: Path, environment: Mapping[str, str]) -> Path:
    """A file for `source`: a shell's `airflow …` then speaks to this Airflow. It holds passwords:
    0600.
    """
    names = sorted(
        name for name in environment if name.startswith(("AIRFLOW", "RECSYS")) or name == "PATH"
    )
    lines = [f"export {name}={shlex.quote(environment[name])}\n" for name in names]
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
        handle.writelines(lines)
    return path


def not_taken(environment: Mapping[str, str]) -> list[str]:
    """Airflow's variables of this shell that the children do not get as they are: names only,
    values may be secret.
    """
    mine = {name: value for name, value in os.environ.items() if name.startswith("AIRFLOW_")}
    return sorted(name for name, value in mine.items() if environment.get(name) != value)


def _inherited() -> dict[str, str]:
    """What children keep of our own environment: connections and variables, else nothing of another
    Airflow.
    """
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW_") or k.startswith(_TAKEN)
    }
    # Cached bytecode halves TensorFlow's import in every one of the night's tasks.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return (
        kept
        | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}",
            "PYTHONPATH": os.pathsep.join(
                filter(None, [str(PROJECT_ROOT), kept.get("PYTHONPATH", "")])
            ),
            "PYTHONUNBUFFERED": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "GX_ANALYTICS_ENABLED": "false",
            # Threads that wait for each other by spinning slow every other task of a busy machine
            # many times over.
            "OMP_WAIT_POLICY": "PASSIVE",
            "NO_PROXY": ",".join(filter(None, [LOCALHOST, kept.get("NO_PROXY", "")])),
            "no_proxy": ",".join(filter(None, [LOCALHOST, kept.get("no_proxy", "")])),
        }
        | {
            k: kept.get(k, "2")
            for k in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTEROP_THREADS")
        }
    )


def _secrets(path: Path) -> dict[str, str]:
    """Keys of this home, made once and readable by its owner only."""
    if not path.exists():
        keys = {
            "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "jwt_secret": secrets.token_urlsafe(48),
            "secret_key": secrets.token_urlsafe(48),
        }
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
            json.dump(keys, handle)
    loaded: dict[str, str] = json.loads(path.read_text())
    return loaded
