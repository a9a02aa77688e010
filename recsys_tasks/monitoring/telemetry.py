"""Figures and spans of stages for a collector of OpenTelemetry, by OTLP.

OpenTelemetry's own environment variables say where to (`OTEL_EXPORTER_OTLP_ENDPOINT`, …): without
an endpoint nothing of its libraries is imported here. The night does not depend on a collector:
telling it takes at most `LONGEST_SECONDS`, never raises, and pauses after a failure.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from prometheus_client.core import GaugeMetricFamily

log = logging.getLogger(__name__)
LONGEST_SECONDS = 10.0
"""The most that a stage waits for the collector, figures and span together."""
PAUSE_SECONDS = 600.0
"""After a failure the process tells the collector nothing for so long."""
SCOPE = "nightshelf"
"""Name of the instrumentation scope, and of the service where no variable names it."""
_SIGNALS = ("METRICS", "TRACES")


@dataclass(frozen=True)
class StageSpan:
    """A stage that ended; times are nanoseconds since the epoch, by the machine's clock."""

    name: str
    night: str
    """What all spans of a night have in common: they are one trace."""
    started: int
    ended: int
    attributes: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    error: str = ""
    """Class of the error that ended it: its text stays in the log."""


def wanted() -> tuple[str, ...]:
    """Signals that the environment has a collector for: METRICS, TRACES, both or none."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ()
    anywhere = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    return tuple(
        signal
        for signal in _SIGNALS
        if (os.environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT") or anywhere).strip()
        and "otlp" in (os.environ.get(f"OTEL_{signal}_EXPORTER") or "otlp").split(",")
    )


class Collector:
    """The way to the collector, of one process."""

    def __init__(self) -> None:
        self._silent_until = 0.0

    def tell(
        self, span: StageSpan, figures: Callable[[], Iterable[GaugeMetricFamily]] | None
    ) -> None:
        """Send what the environment wants of a span and of the figures that `figures` returns. It
        never raises; what could not be sent is said in the log, once until the next try.
        """
        signals = wanted()
        if not signals or monotonic() < self._silent_until:
            return
        said: list[str] = []
        try:
            sendings = list(_sendings(signals, span, figures))
            sender = threading.Thread(target=_send, args=(sendings, said), daemon=True)
            sender.start()
            sender.join(LONGEST_SECONDS)
            if sender.is_alive():
                said.append(f"no answer within {LONGEST_SECONDS:g} s")
        except Exception as error:  # whatever a library or a variable is at fault in
            said.append(f"{type(error).__name__}: {error}")
        if said:
            self._silent_until = monotonic() + PAUSE_SECONDS
            log.warning(
                "OpenTelemetry's collector did not take the figures of %s (%s); nothing is sent for"
                " %g minutes. The night goes on",
                span.name,
                "; ".join(dict.fromkeys(said)),
                PAUSE_SECONDS / 60,
            )


COLLECTOR = Collector()


def _sendings(
    signals: Iterable[str],
    span: StageSpan,
    figures: Callable[[], Iterable[GaugeMetricFamily]] | None,
) -> Iterable[tuple[str, Any, Any]]:
    """Signal, its exporter and what to export. Made here, not in the sender's thread: a span's
    parent is the one of this thread.
    """
    resource = _resource()
    if "METRICS" in signals and figures is not None:
        yield "METRICS", _exporter("METRICS"), _metrics(resource, figures())
    if "TRACES" in signals and (made := _span(resource, span)) is not None:
        yield "TRACES", _exporter("TRACES"), [made]


def _send(sendings: Iterable[tuple[str, Any, Any]], said: list[str]) -> None:
    for signal, exporter, content in sendings:
        own = _NotOf(threading.get_ident())
        loggers = {logging.getLogger(kind.__module__) for kind in type(exporter).__mro__}
        for logger in loggers:
            logger.addFilter(own)  # the collector's failure is said once, by us
        try:
            if not said and exporter.export(content).name != "SUCCESS":
                said.append(f"{signal.lower()} were refused, or nobody answered")
        except Exception as error:
            said.append(f"{signal.lower()}: {type(error).__name__}")
        finally:
            for logger in loggers:
                logger.removeFilter(own)
            exporter.shutdown()


class _NotOf(logging.Filter):
    """Drops what one thread logs."""

    def __init__(self, thread: int) -> None:
        super().__init__()
        self._thread = thread

    def filter(self, record: logging.LogRecord) -> bool:
        """As logging asks it."""
        return record.thread != self._thread


def _exporter(signal: str) -> Any:
    """The exporter of a signal, by the protocol that the environment names; HTTP without one."""
    protocol = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL") or os.environ.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"
    )
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc import metric_exporter, trace_exporter
    elif protocol == "http/protobuf":
        from opentelemetry.exporter.otlp.proto.http import (  # type: ignore[no-redef]
            metric_exporter,
            trace_exporter,
        )
    else:
        raise ValueError(f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}, not http/protobuf or grpc")
    if signal == "METRICS":
        return metric_exporter.OTLPMetricExporter()
    return trace_exporter.OTLPSpanExporter()


def _resource() -> Resource:
    """What the environment says of this service."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    return Resource({"service.name": SCOPE}).merge(OTELResourceDetector().detect())


def _metrics(resource: Resource, families: Iterable[GaugeMetricFamily]) -> MetricsData | None:
    """Figures under the names and labels that they have for Prometheus, each a gauge."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    meter = provider.get_meter(SCOPE)
    for family in families:
        gauge = meter.create_gauge(family.name, description=family.documentation)
        for sample in family.samples:
            gauge.set(sample.value, sample.labels)
    found: MetricsData | None = reader.get_metrics_data()
    provider.shutdown()
    return found


def _span(resource: Resource, told: StageSpan) -> ReadableSpan | None:
    """The span; None where the environment's sampler does not want it. It is part of the span that
    surrounds it, as Airflow's own of the task, else of the night's trace.
    """
    from opentelemetry import trace
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class OfNight(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            return int.from_bytes(hashlib.sha256(told.night.encode()).digest()[:16], "big")

    provider = TracerProvider(resource=resource, id_generator=OfNight(), shutdown_on_exit=False)
    around = trace.get_current_span()
    context = trace.set_span_in_context(around if around.is_recording() else trace.INVALID_SPAN)
    span = provider.get_tracer(SCOPE).start_span(
        told.name, context=context, attributes=told.attributes, start_time=told.started
    )
    if told.error:
        span.set_attribute("error.type", told.error)
        span.set_status(trace.Status(trace.StatusCode.ERROR))
    span.end(told.ended)
    return span if isinstance(span, ReadableSpan) else None
