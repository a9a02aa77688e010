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


def airflow_environment(
    home: Path,
    *,
    airflow_url: str,
    recsys_url: str,
    mlflow_url: str,
    ports: Ports,
    config_path: Path,
    paused: bool,
    parallelism: int = 3,
    dags: Path = PROJECT_ROOT / "dags",
    plugins: Path = PROJECT_ROOT / "plugins",
) -> dict[str, str]:
    """Every variable of the children. `home` is RECSYS_HOME; secrets are made there once."""
    airflow_home = home / "airflow"
    airflow_home.mkdir(parents=True, exist_ok=True)
    keys = _secrets(airflow_home / "secrets.json")
    base = f"http://{LOCALHOST}:{ports.api}"
    settings: dict[str, dict[str, object]] = {
        "core": {
            "dags_folder": dags,
            "plugins_folder": plugins,
            "load_examples": False,
            "executor": "LocalExecutor",
            "parallelism": parallelism,
            "max_active_tasks_per_dag": parallelism,
            "fernet_key": keys["fernet_key"],
            "execution_api_server_url": f"{base}/execution/",
            "simple_auth_manager_all_admins": True,  # the API listens on 127.0.0.1 only
            "dags_are_paused_at_creation": paused,
        },
        "database": {
            "sql_alchemy_conn": airflow_url,
            "sql_alchemy_pool_size": 3,
            "sql_alchemy_max_overflow": 5,
        },
        "api": {
            "host": LOCALHOST,
            "port": ports.api,
            "base_url": base,
            "workers": 1,
            "secret_key": keys["secret_key"],
        },
        "api_auth": {"jwt_secret": keys["jwt_secret"]},
        "logging": {
            "base_log_folder": airflow_home / "logs",
            "worker_log_server_port": ports.worker_log,
            "trigger_log_server_port": ports.trigger_log,
            "logging_level": "WARNING",
        },
        # A night is a dozen short hops one after the other: how soon each is noticed is most of the
        # waiting.
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
            "AIRFLOW_HOME": str(airflow_home),
            "RECSYS_HOME": str(home),
            "RECSYS_DATABASE_URL": recsys_url,
            "RECSYS_MLFLOW_URL": mlflow_url,
            "RECSYS_CONFIG": str(config_path),
        }
    )


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
