"""What comes from the variables RECSYS_*; nothing else reads them."""

from __future__ import annotations

import os
from pathlib import Path

from recsys_tasks.config.base import Section
from recsys_tasks.errors import ConfigError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
DEFAULT_CONFIG = PROJECT_ROOT / "include" / "recsys.yaml"


class Environment(Section):
    """What comes from environment variables, read once."""

    home: Path
    """RECSYS_HOME: everything the pipeline keeps on this machine."""
    lake: str
    """RECSYS_LAKE: folder or s3:// URL of the artifacts; default: RECSYS_HOME/lake."""
    lake_cache_gb: float = 100.0
    """RECSYS_LAKE_CACHE_GB: so much of a lake in an object store is kept below RECSYS_HOME between
    stages, in 10^9 bytes."""
    database_url: str | None
    """RECSYS_DATABASE_URL: None starts the embedded PostgreSQL under RECSYS_HOME."""
    reader_url: str | None = None
    """RECSYS_READER_URL: what `recsys sql` reads through; None: the embedded server's reader, or
    RECSYS_DATABASE_URL in read-only transactions."""
    mlflow_url: str | None
    """RECSYS_MLFLOW_URL: store of the model registry; None: the embedded server's database."""
    config_path: Path
    """RECSYS_CONFIG: the settings file; default: include/recsys.yaml."""


def read_environment() -> Environment:
    """Paths and URLs from the environment, with their defaults."""
    home = Path(os.environ.get("RECSYS_HOME") or PROJECT_ROOT / "build" / "home").resolve()
    return Environment(
        home=home,
        lake=os.environ.get("RECSYS_LAKE") or str(home / "lake"),
        lake_cache_gb=_gigabytes("RECSYS_LAKE_CACHE_GB"),
        database_url=os.environ.get("RECSYS_DATABASE_URL") or None,
        reader_url=os.environ.get("RECSYS_READER_URL") or None,
        mlflow_url=os.environ.get("RECSYS_MLFLOW_URL") or None,
        config_path=Path(os.environ.get("RECSYS_CONFIG") or DEFAULT_CONFIG),
    )


def _gigabytes(name: str) -> float:
    """Raises ConfigError for what is no number from 0 on."""
    text = os.environ.get(name) or "100"
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise ConfigError(
            expected="a number from 0 on, in 10^9 bytes",
            found=repr(text),
            where=name,
            remedy=f"export {name}=100, or unset it",
        )
    return found


def disable_telemetry() -> None:
    """Great Expectations sends usage statistics unless told not to before it is imported."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")


def expand_variables(text: str) -> str:
    """Replace `${VAR}` from the environment. Raises ConfigError when one is unset."""
    expanded = os.path.expandvars(text)
    if "${" in expanded:
        raise ConfigError(
            expected="every ${VARIABLE} of a path to be set in the environment",
            found=f"{expanded!r}",
            where="source",
            remedy="export the variable, or write the path out",
        )
    return expanded
