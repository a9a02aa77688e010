"""Libraries of a night's tasks, imported once by a scheduler whose LocalExecutor forks each task.

A stage of a small shop works for less time than its imports take. What the scheduler has imported
before it forks, every task of it has already, in memory that they share. Only packages that are
not ours: the stages' own code is read by each task, so that it is that of the disk. TensorFlow is
not among them, for it is not made for processes that fork.
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from importlib import import_module

from airflow.configuration import conf
from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

LIBRARIES = (
    *("numpy", "pandas", "pyarrow.parquet", "pyarrow.compute", "scipy.sparse", "scipy.optimize"),
    *("sqlalchemy", "psycopg", "alembic.context", "numba", "ibis", "duckdb", "lightgbm"),
    *("mlflow.entities", "mlflow.store.tracking.sqlalchemy_store", "matplotlib.figure"),
    "great_expectations",
)
log = logging.getLogger(__name__)


class SharedLibraries:
    """Airflow's listener for the start of its parts."""

    @hookimpl
    def on_starting(self) -> None:
        """Import the libraries, in a scheduler with a LocalExecutor alone. The command line says
        so: the part itself does not know yet what it is.
        """
        if "scheduler" in sys.argv and "LocalExecutor" in conf.get("core", "executor"):
            import_libraries()


class SharedLibrariesPlugin(AirflowPlugin):
    """Registers the listener."""

    name = "nightshelf_shared_libraries"
    listeners = [SharedLibraries()]  # noqa: RUF012


def import_libraries() -> None:
    """Import what there is. One that cannot be imported is told by the stage that needs it."""
    for name in LIBRARIES:
        with suppress(ImportError):
            import_module(name)
    log.info("%d libraries are shared with the tasks of this scheduler", len(LIBRARIES))
