"""A disk that fills is told of before nights fail."""

from __future__ import annotations

from recsys_tasks.config import Environment
from recsys_tasks.monitoring.alerts.build import failure_alert
from recsys_tasks.monitoring.alerts.spool import spool_of
from recsys_tasks.monitoring.alerts.task_errors import FailedRun, FailedTask
from tests.monitoring.watched import Watch, open_now, raised
from tests.serving.nights import FIRST, NOW


def test_a_disk_that_fills_is_told_once_until_there_is_room(
    simulated: Environment, watch: Watch
) -> None:
    """The bound is far above what this machine has free, then far below."""
    settings = simulated.config_path.read_text()
    simulated.home.mkdir(exist_ok=True)
    full = settings + "\nmonitoring: {least_free_share: 0.9999}\n"
    simulated.config_path.write_text(full)
    for hours in (1, 2, 20):
        assert "storage is almost full" in watch(0, hours)
    (alert,) = raised(simulated)
    assert (alert.kind, alert.severity, alert.remedy) == ("storage", "warning", "recsys maintain")
    assert f"GB are free where {simulated.home} is" in alert.message
    simulated.config_path.write_text(settings)
    watch(0, 21)
    assert open_now(simulated) == []
    simulated.config_path.write_text(full)
    watch(1, 21)
    assert open_now(simulated) == ["storage"]


def test_a_full_disk_that_failed_a_task_is_not_told_again(
    simulated: Environment, watch: Watch
) -> None:
    failed = FailedTask(
        "extract",
        "extract",
        "TransientError",
        "room",
        "[Errno 28] No space left on device",
        "c",
        "d",
    )
    alert = failure_alert(
        FailedRun("validate_data", "run:1", "t", str(FIRST), [failed], []),
        reader_state="-", runbooks="r", now=NOW,
    )  # fmt: skip
    spool_of(simulated).add(alert)
    settings = simulated.config_path.read_text()
    simulated.config_path.write_text(settings + "\nmonitoring: {least_free_share: 0.9999}\n")
    watch(0, 1)
    assert [alert.kind for alert in raised(simulated)] == ["TransientError"]
