"""The fire drill, with Airflow's connections."""

from __future__ import annotations

from airflow.sdk.timezone import utcnow
from recsys_alerts import deliver_alerts, raise_or_send, reader_state
from recsys_channels import connection_of

from recsys_tasks.config import read_environment
from recsys_tasks.config.essentials import read_essentials
from recsys_tasks.dag_names import FIRE_DRILL, dag_id


def hold_drill() -> str:
    """Send the test through each channel; an alert for each that does not take it, and the end of
    the alert of one that does again. One line on how each took it.
    """
    from recsys_tasks.monitoring.alerts.build import alarm_alert
    from recsys_tasks.monitoring.alerts.channels import open_senders
    from recsys_tasks.monitoring.alerts.drill import Heard, drill, mended, refusals
    from recsys_tasks.monitoring.alerts.spool import spool_of

    environment, now = read_environment(), utcnow()
    essentials = read_essentials(environment)
    senders, unknown = open_senders(essentials.alerts, connection_of)
    heard = [
        *drill(senders, now, essentials.alerts.runbook_base),
        *(Heard(name, False, "its connection cannot be read") for name in unknown),
    ]
    again = f"airflow dags trigger {dag_id(FIRE_DRILL, essentials.schedule.dag_prefix)}"
    readers = reader_state("", essentials) if refusals(heard) else ""
    for alarm, channel in refusals(heard):
        alert = alarm_alert(
            alarm,
            as_of=now.date(),
            reader_state=readers,
            remedy=f"correct the Airflow connection of {channel}; then: {again}",
            runbooks=essentials.alerts.runbook_base,
            now=now,
            once=channel,
        )
        raise_or_send(alert)
    over = mended(heard)
    spool_of(environment).resolve(
        lambda alert: alert.incident in over, "nothing changed for them", now
    )
    words = [f"{h.channel}: {h.words}" for h in heard] or ["no channel is configured"]
    return "; ".join([*words, deliver_alerts()])
