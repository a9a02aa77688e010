"""The DAGs that an alert may speak of, and the commands that run a night again."""

from __future__ import annotations

from datetime import date, datetime

FIRST = "validate_data"
PUBLISHING = (FIRST, "train_two_tower", "build_index", "train_ranker", "precompute_recommendations")
"""DAGs that stand between the shop's rows and the published lists, in order."""
CHAIN = (*PUBLISHING, "monitor_recommendations")
"""DAGs of a night; each of their runs has a date."""


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
    if not as_of and dag in CHAIN:
        return f"{trigger_command(now.date(), dag)} (with the date of the night that is meant)"
    if error in ("ArtifactError", "DamagedArtifact") and dag in CHAIN:
        return trigger_command(as_of)
    only_failed = "" if dag == FIRST else " --only-failed"
    return f"airflow dags clear --yes{only_failed} --run-id {run} {dag}"
