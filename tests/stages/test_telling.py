"""What a collector of OpenTelemetry hears of real stages: a server that takes OTLP by HTTP and
decodes it.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from prometheus_client.parser import text_string_to_metric_families

from recsys_tasks.errors import ArtifactError, ConfigError
from recsys_tasks.monitoring import telemetry
from recsys_tasks.monitoring.prometheus import exposition
from recsys_tasks.stages import Night, run_on
from tests.serving.conftest import empty  # noqa: F401  # the fixture
from tests.stages.test_monitor import monitored  # noqa: F401  # the fixture


@dataclass
class Heard:
    """What reached the collector; `answer`: its status, `wait`: seconds before it."""

    url: str = ""
    answer: int = 200
    wait: float = 0.0
    requests: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def metrics(self) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
        """Name → labels → value, of every request."""
        found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
        for path, body in self.requests:
            if path == "/v1/metrics":
                sent = ExportMetricsServiceRequest.FromString(body)
                (scope,) = (one for part in sent.resource_metrics for one in part.scope_metrics)
                for metric in scope.metrics:
                    points = metric.gauge.data_points
                    found[metric.name] = {labels(p.attributes): p.as_double for p in points}
        return found

    @property
    def spans(self) -> list[Any]:
        requests = [body for path, body in self.requests if path == "/v1/traces"]
        sent = [ExportTraceServiceRequest.FromString(body) for body in requests]
        return [
            s for one in sent for p in one.resource_spans for q in p.scope_spans for s in q.spans
        ]


def labels(attributes: Any) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((one.key, one.value.string_value) for one in attributes))


def value(span: Any, name: str) -> Any:
    found: KeyValue = next(one for one in span.attributes if one.key == name)
    return getattr(found.value, str(found.value.WhichOneof("value")))


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    heard = Heard()

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.requests.append((self.path, body))
            time.sleep(heard.wait)
            self.send_response(heard.answer)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *what: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    heard.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", heard.url)
    monkeypatch.setattr("recsys_tasks.stages.telling.COLLECTOR", telemetry.Collector())
    yield heard
    server.shutdown()
    server.server_close()


def test_a_stage_is_told_by_the_names_that_prometheus_knows(
    monitored: Night,  # noqa: F811  # as pytest wants it
    collector: Heard,
) -> None:
    result = run_on(monitored, "monitor")
    page, _ = exposition(monitored.engine, monitored.now, monitored.expected_nights)
    asked = {
        family.name: {tuple(sorted(s.labels.items())): s.value for s in family.samples}
        for family in text_string_to_metric_families(page)
    }
    assert len(asked) > 10 and collector.metrics == {k: v for k, v in asked.items() if v}
    assert collector.metrics["nightshelf_stage_seconds"][(("stage", "monitor"),)] == result.seconds
    (span,) = collector.spans
    assert (span.name, span.status.code) == ("monitor", 0)
    assert value(span, "nightshelf.night") == "2026-03-10"
    assert value(span, "nightshelf.rows") == result.rows
    took = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
    assert took >= result.seconds and abs(span.end_time_unix_nano / 1e9 - time.time()) < 60


def test_the_stages_of_a_night_are_one_trace_also_one_that_failed(
    monitored: Night,  # noqa: F811
    collector: Heard,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop-a")
    run_on(monitored, "monitor")
    with pytest.raises(ConfigError):
        run_on(monitored, "build_index")
    other = Night.open(monitored.config, monitored.environment, date(2026, 3, 11))
    with pytest.raises(ArtifactError):
        run_on(other, "freeze")
    other.engine.dispose()
    well, failed, next_night = collector.spans
    assert well.trace_id == failed.trace_id != next_night.trace_id
    assert (failed.status.code, value(failed, "error.type")) == (2, "ConfigError")
    assert {path for path, _ in collector.requests} == {"/v1/traces"}
    sent = ExportTraceServiceRequest.FromString(collector.requests[0][1])
    (resource,) = (part.resource for part in sent.resource_spans)
    assert ("service.name", "shop-a") in labels(resource.attributes)


@pytest.mark.parametrize("broken", ["refuses", "hangs", "is down", "has a wrong protocol"])
def test_a_collector_that_is_broken_holds_no_stage_up_and_is_said_once(
    monitored: Night,  # noqa: F811
    collector: Heard,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    broken: str,
) -> None:
    monkeypatch.setattr(telemetry, "LONGEST_SECONDS", 1.0)
    usual = run_on(monitored, "monitor").seconds
    collector.requests.clear()
    if broken == "refuses":
        collector.answer = 400
    elif broken == "hangs":
        collector.wait = 5.0
    elif broken == "is down":
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    else:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "pigeon")
    with caplog.at_level(logging.WARNING):
        started = time.monotonic()
        for _ in range(2):
            assert run_on(monitored, "monitor").rows == 4
        took = time.monotonic() - started
    said = [record.getMessage() for record in caplog.records if "OpenTel" in record.getMessage()]
    assert len(said) == 1 and "The night goes on" in said[0], said
    noise = [r.name for r in caplog.records if r.name.startswith("opentelemetry")]
    assert noise == [] and took < 2 * usual + 30
    assert len(collector.requests) <= 2  # the second stage did not try


@pytest.mark.parametrize(
    ("variables", "signals"),
    [
        ({}, ()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, ("METRICS", "TRACES")),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, ("TRACES",)),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"},
            ("METRICS",),
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}, ()),
    ],
)
def test_the_environment_is_the_switch(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], signals: tuple[str, ...]
) -> None:
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    assert telemetry.wanted() == signals


def test_nothing_of_it_is_imported_where_no_collector_is_named() -> None:
    code = (
        "import sys\n"
        "from recsys_tasks.monitoring.telemetry import COLLECTOR, StageSpan\n"
        "COLLECTOR.tell(StageSpan('s', 'n', 1, 2), lambda: 1 / 0)\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
