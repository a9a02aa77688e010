"""By `schedule.fire_drill`, weekly as it comes: send a message that is marked as a test through
every alert channel, and raise an alert where one does not take it.
"""

from __future__ import annotations

from airflow.sdk import DAG, task
from recsys_airflow import cron, dag_arguments, settings

_CRON = settings().schedule.fire_drill
_EVERY = cron(_CRON) if _CRON is not None else None

with DAG(**dag_arguments("fire_drill", _EVERY, "monitoring", doc=__doc__, dated=False)):

    @task
    def drill() -> str:
        """Try each channel; what one refuses, the others hear."""
        from recsys_drill import hold_drill

        return hold_drill()

    drill()
