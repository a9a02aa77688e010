"""How tasks are tried again: a night's for `schedule.retry_minutes` while the outside world fails,
every other a few minutes; not at all where a person must correct something.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowException, AirflowTaskTimeout

from recsys_tasks.errors import TimedOut
from recsys_tasks.retries import SHORT_RETRIES, Patience, delays, patience_with

LONGEST = timedelta(minutes=15)
_MORE = 0.25
"""Up to this share longer, by chance: tasks that failed together do not return together."""


def patience_of(error: BaseException) -> Patience:
    """As `patience_with`; a timeout and Airflow's own errors are worth a few tries."""
    if isinstance(error, (TimedOut, AirflowTaskTimeout, AirflowException)):
        return Patience.SHORT
    return patience_with(error)


def attempt_of(instance: Any) -> int:
    """The number of the try since the task was last cleared, from 1."""
    number, retries = int(instance.try_number), int(instance.task.retries)
    return max(1, number - (int(instance.max_tries) - retries))


def is_spent(error: BaseException, attempt: int) -> bool:
    """Whether no other try is worth its time."""
    patience = patience_of(error)
    return patience is Patience.NONE or (patience is Patience.SHORT and attempt > SHORT_RETRIES)


class OutsideWorldRetries(RetryPolicy):
    """Retry, later each time, what the outside world may have caused; fail at once otherwise."""

    def __init__(self, first_seconds: float, minutes: float) -> None:
        self.waits = delays(first_seconds, LONGEST.total_seconds(), minutes)

    @property
    def retries(self) -> int:
        """Retries of a task."""
        return len(self.waits)

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Any = None
    ) -> RetryDecision:
        """What becomes of a try that ended with an error; waits begin anew after a clear."""
        attempt = attempt_of(context["ti"]) if context else try_number
        reason = patience_of(exception).value
        if is_spent(exception, attempt):
            return RetryDecision.fail(reason)
        wait = self.waits[min(attempt, self.retries) - 1]
        jitter = 1 + _MORE * random.random()
        return RetryDecision.retry(timedelta(seconds=wait * jitter), reason)
