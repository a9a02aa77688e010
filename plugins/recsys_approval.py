"""A promotion that waits for a person, where the settings ask for one's agreement."""

from __future__ import annotations

import logging
from datetime import date, timedelta
from typing import Any

from airflow.sdk import get_current_context, task
from airflow.sdk.timezone import utcnow
from recsys_airflow import settings, stage
from recsys_alerts import deliver_alerts, raise_or_send, reader_state
from recsys_runs import resolve_as_of

from recsys_tasks.stages import AFTER_APPROVAL

log = logging.getLogger(__name__)


def promotion(judge: Any) -> None:
    """After `judge`, where the settings ask for a person's agreement: ask, wait, promote. The night
    does not wait.
    """
    if not settings().gate.approval:
        return
    from airflow.providers.standard.operators.hitl import ApprovalOperator

    @task.short_circuit(task_id="anything_to_approve")
    def anything_to_approve() -> str | None:
        from recsys_tasks.stages import awaits_approval

        context = get_current_context()
        words = awaits_approval(resolve_as_of(context))
        if words is not None:
            tell_of_approval(words, resolve_as_of(context))
        return words

    approve = ApprovalOperator(
        task_id="approve",
        subject="Promote tonight's release?",
        body="{{ ti.xcom_pull(task_ids='anything_to_approve') }}",
        defaults="Reject",
        response_timeout=timedelta(hours=settings().gate.approval_hours),
    )
    judge >> anything_to_approve() >> approve >> stage(AFTER_APPROVAL.name)()


def tell_of_approval(words: str, as_of: date) -> None:
    """On-call hears that a release waits for a person, and how long."""
    from recsys_tasks.monitoring.alarms import Alarm
    from recsys_tasks.monitoring.alerts.build import alarm_alert

    hours, essentials = settings().gate.approval_hours, settings()
    alarm = Alarm(
        "approval",
        "hours_to_answer",
        hours,
        hours,
        f"a release waits for a person to agree: {words}",
    )
    remedy = (
        "answer on the page Required Actions of Airflow's UI; without an answer the champion stays"
    )
    now, readers = utcnow(), reader_state(as_of.isoformat(), essentials)
    base = essentials.alerts.runbook_base
    raise_or_send(
        alarm_alert(alarm, as_of=as_of, reader_state=readers, remedy=remedy, runbooks=base, now=now)
    )
    log.info(deliver_alerts())
