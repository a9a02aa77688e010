"""By `schedule.maintain_storage`, weekly as it comes: remove artifacts, publications, logs
and errors that nothing needs any more, what killed stages left, and Airflow's rows of runs long
past.
"""

from __future__ import annotations

from airflow.sdk import DAG, task
from airflow.sdk.timezone import utcnow
from recsys_airflow import cron, dag_arguments, settings

_EVERY = cron(settings().schedule.maintain_storage)

with DAG(**dag_arguments("maintain_storage", _EVERY, "storage", doc=__doc__, dated=False)):

    @task
    def sweep() -> str:
        """Keep what is live, what the next gate needs, and the last nights with their logs."""
        from recsys_tasks.stages import run_maintain_storage

        return str(run_maintain_storage(utcnow()))

    @task
    def clean_airflow() -> str:
        """Airflow's rows stay as long as their runs' logs; those of a database elsewhere all."""
        from recsys_tasks.commands.airflow_database import run_clean_airflow

        return run_clean_airflow(utcnow())

    sweep() >> clean_airflow()
