"""As often as `schedule.watch_freshness` says: raise alerts for faults that raise none by
themselves, such as a night that never ran; then deliver the alerts that wait.
"""

from __future__ import annotations

from airflow.sdk import DAG, get_current_context, task
from recsys_airflow import cron, dag_arguments, settings
from recsys_alerts import deliver_alerts
from recsys_runs import as_airflow_errors

_EVERY = cron(settings().schedule.watch_freshness)

with DAG(**dag_arguments("watch_freshness", _EVERY, "monitoring", doc=__doc__, dated=False)):

    @task
    def look() -> str:
        """Raise an alert for each missed night, paused DAG or wrong setting, then deliver the
        alerts that wait to every channel.
        """
        from recsys_watch import look

        context = get_current_context()
        try:
            with as_airflow_errors("watch_freshness", context):
                found = look(context)
        finally:
            delivered = deliver_alerts()
        return f"{found}; {delivered}"

    look()
