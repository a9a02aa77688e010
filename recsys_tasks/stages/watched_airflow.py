"""What Airflow says of the nightly DAGs when watch_freshness looks, and the alarm that it gives."""

from __future__ import annotations

from dataclasses import dataclass

from recsys_tasks.monitoring.alarms import Alarm


@dataclass(frozen=True)
class Airflow:
    """The state of the nightly DAGs in Airflow, by id."""

    paused: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    """DAG files that cannot be imported, and why."""
    at_work: tuple[str, ...] = ()
    """DAGs with a run that has not ended."""

    @property
    def stopped(self) -> list[str]:
        """DAGs that cannot run."""
        return [*self.paused, *(entry.partition(":")[0] for entry in self.broken)]

    @property
    def why_stopped(self) -> str:
        """Why each of them cannot, in words."""
        reasons = [f"{name} is paused" for name in self.paused]
        return "; ".join([*reasons, *(f"{entry} (cannot be imported)" for entry in self.broken)])

    @property
    def start_again(self) -> str:
        """Commands by which they can."""
        commands = [f"airflow dags unpause {name}" for name in self.paused]
        if self.broken:
            commands.append("airflow dags list-import-errors, and correct those files")
        return "; ".join(commands)

    @property
    def alarm(self) -> Alarm | None:
        """The alarm of DAGs that cannot run."""
        if not self.stopped:
            return None
        words = f"no night can go through {', '.join(self.stopped)}: {self.why_stopped}. "
        words += "What an earlier DAG hands over meanwhile is lost"
        return Alarm("paused", "dags_that_cannot_run", 0, len(self.stopped), words)
