"""A stage that fails writes the night's page: from the first stage on, whoever ran it and however
early it ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from recsys_tasks.monitoring.alerts.task_errors import error_parts
from recsys_tasks.stages import stage_log
from recsys_tasks.stages.night import Night


@contextmanager
def failures_on_the_page(night: Night, stage: str) -> Iterator[None]:
    """An error is noted in the database and on a new page of the night, as far as these can be
    written, and goes on.

    What cannot be written is said by a note on the error: the stage's own error is what counts.
    """
    try:
        yield
    except (
        KeyboardInterrupt,
        SystemExit,
        GeneratorExit,
    ):  # a person or the machine ended it; nothing failed
        raise
    except BaseException as error:  # Airflow's timeout of a task is no Exception
        stage_log.failed(stage, night.as_of, error)
        _note(night, stage, error)
        raise


def _note(night: Night, stage: str, error: BaseException) -> None:
    from recsys_tasks.stages.records import record_failure
    from recsys_tasks.stages.run_report import report_failure

    parts = error_parts(error)
    try:
        record_failure(night.engine, night.as_of, stage, parts)
    except Exception as second:
        error.add_note(f"recsys.stage_failures could not be written: {second}")
    try:
        report_failure(night, stage, parts)
    except Exception as second:
        error.add_note(f"the run report of {night.as_of} could not be written: {second}")
