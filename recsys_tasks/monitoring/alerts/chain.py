"""The commands that run a night again."""

from __future__ import annotations

from datetime import date, datetime

from recsys_tasks.dag_names import BY_HAND, CHAIN, FIRST, dag_id, plain_name, prefix_of


def trigger_command(night: date | str, dag: str = FIRST) -> str:
    """The command that runs a night by its date."""
    return f"""airflow dags trigger {dag} --conf '{{"as_of": "{night}"}}'"""


def retry_command(dag: str, run: str, as_of: str, error: str, now: datetime) -> str:
    """The command that runs it again: the data anew from its first task, other chains from the task
    that failed.

    A night's run without a date would fail again for the same reason: that one is started anew,
    with a date. What an earlier DAG left out or broke is made by the night's first DAG and those
    after it; what is whole is reused.
    """
    if dag == BY_HAND:
        return f"recsys run --as-of {as_of}"
    name = plain_name(dag)
    if not as_of and name in CHAIN:
        return f"{trigger_command(now.date(), dag)} (with the date of the night that is meant)"
    if error in ("ArtifactError", "DamagedArtifact") and name in CHAIN:
        return trigger_command(as_of, dag_id(FIRST, prefix_of(dag)))
    only_failed = "" if name == FIRST else " --only-failed"
    return f"airflow dags clear --yes{only_failed} --run-id {run} {dag}"
