"""Each hour: are the published lists fresh? A night that never ran raises no other alert."""

from __future__ import annotations

from airflow.sdk import DAG, task
from airflow.sdk.timezone import utcnow
from recsys_airflow import cron, dag_arguments, settings
from recsys_alerts import deliver_alerts

with DAG("watch_freshness", doc_md=__doc__, **dag_arguments(cron(settings().schedule.watch_freshness), "monitoring")):

    @task
    def look() -> str:
        """Raise an alert when the lists are stale, then offer what waits to every channel."""
        from recsys_tasks.pipeline import run_watch_freshness

        finding = run_watch_freshness(utcnow())
        return f"{finding}; {deliver_alerts()}"

    look()
