"""The commands that run a night again."""

from __future__ import annotations

from datetime import date, datetime

from recsys_tasks.dag_names import (
    FIRST_DAG,
    NIGHTLY_DAGS,
    WITHOUT_AIRFLOW,
    dag_id,
    plain_name,
    prefix_of,
)
from recsys_tasks.monitoring.alerts.wording import fit_to_send


def trigger_command(night: date | str, dag: str = FIRST_DAG) -> str:
    """The command that runs a night by its date."""
    return f"""airflow dags trigger {dag} --conf '{{"as_of": "{night}"}}'"""


def retry_command(dag: str, run: str, as_of: str, error: str, now: datetime) -> str:
    """The command that repeats a failed run of a DAG: the first DAG of a night from its first task,
    every other DAG from the task that failed.

    A nightly DAG's run without a date would fail again for the same reason: a new run is started,
    with a date. An artifact that is missing or damaged is made again by the first DAG of the night
    and those after it; whole artifacts are reused.
    """
    if dag == WITHOUT_AIRFLOW:
        return f"recsys run --as-of {as_of}"
    name = plain_name(dag)
    if not as_of and name in NIGHTLY_DAGS:
        return f"{trigger_command(now.date(), dag)} (with the date of the night that is meant)"
    if error in ("ArtifactError", "DamagedArtifact") and name in NIGHTLY_DAGS:
        return trigger_command(as_of, dag_id(FIRST_DAG, prefix_of(dag)))
    only_failed = "" if name == FIRST_DAG else " --only-failed"
    return f"airflow dags clear --yes{only_failed} --run-id {run} {dag}"


def remedy_then(remedy: str, again: str, *, dag: str, as_of: str) -> str:
    """An error's own remedy, fit to send, then the command `again`. What the remedy says of running
    the same night or DAG again is left out: two commands for one thing make a tired person choose.
    """
    same = (f"recsys run --as-of {as_of}", f"airflow dags trigger {dag} ")
    kept = [part for part in remedy.split("; ") if not any(command in part for command in same)]
    return f"{fit_to_send('; '.join(kept))}; then: {again}" if kept else again
