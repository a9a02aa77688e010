"""What a collector of OpenTelemetry hears of a stage, where the environment names one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import time_ns

from recsys_tasks.monitoring.telemetry import COLLECTOR, StageSpan, wanted
from recsys_tasks.stages.night import Night
from recsys_tasks.stages.outcome import StageResult


@dataclass(frozen=True)
class Telling:
    """A stage that has begun; `started` in nanoseconds since the epoch, by the machine's clock: a
    span says when work was done, whatever the shop's clock says.
    """

    night: Night
    stage: str
    started: int = field(default_factory=time_ns)

    @contextmanager
    def of_failure(self) -> Iterator[None]:
        """Tell of the stage if it ends in an error, which goes on."""
        try:
            yield
        except Exception as error:
            if wanted():
                COLLECTOR.tell(self._span(error=type(error).__name__), None)
            raise

    def of_success(self, result: StageResult) -> None:
        """Tell of the stage, and with it every figure that Prometheus could ask for now."""
        if not wanted():
            return
        from recsys_tasks.monitoring.prometheus import families

        night = self.night
        attributes: dict[str, str | int | bool] = {
            "nightshelf.rows": result.rows,
            "nightshelf.reused": result.reused,
            "nightshelf.artifact": result.artifact,
        }
        COLLECTOR.tell(
            self._span(attributes), lambda: families(night.engine, night.now, night.expected_nights)
        )

    def _span(
        self, attributes: dict[str, str | int | bool] | None = None, error: str = ""
    ) -> StageSpan:
        about = {"nightshelf.night": str(self.night.as_of), "nightshelf.stage": self.stage}
        return StageSpan(
            name=self.stage,
            night=f"{self.night.config.project} {self.night.as_of}",
            started=self.started,
            ended=time_ns(),
            attributes={**about, **(attributes or {})},
            error=error,
        )
