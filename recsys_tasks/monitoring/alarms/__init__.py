"""Kinds of alerts, each with its severity and its runbook: an extension point, one file a kind.

An error class of a failed task and an alarm are kinds alike. A kind that has a function `look` is a
monitor: the monitor stage calls it each night with the night's figures. Every process that raises
an alert imports these modules, so none of them loads a library.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from recsys_tasks.errors import ConfigError
from recsys_tasks.extensions import ExtensionPoint
from recsys_tasks.monitoring.alarms.figures import NightFigures
from recsys_tasks.monitoring.alarms.kind import SEVERITIES, Alarm, AlarmKind, Severity

__all__ = [
    "ALARMS",
    "SEVERITIES",
    "Alarm",
    "AlarmKind",
    "NightFigures",
    "Severity",
    "kind_of",
    "runbook_link",
]


def _check(found: Any) -> None:
    if not isinstance(found, AlarmKind):
        raise TypeError(f"{found!r} is no AlarmKind of recsys_tasks.monitoring.alarms")


ALARMS: ExtensionPoint[AlarmKind] = ExtensionPoint(
    what="alarm kind",
    group="nightshelf.alarms",
    package="recsys_tasks.monitoring.alarms",
    attribute="ALARM",
    check=_check,
)
_UNEXPECTED = "unexpected"


def kind_of(name: str) -> AlarmKind:
    """The kind of an alert by its name; that of unexpected errors where none is registered.

    An installed package that cannot be loaded costs no alert: the built-in kinds go on without it.
    """
    try:
        kinds = _by_every_name(ALARMS)
    except ConfigError:
        kinds = _by_every_name(found.extension for found in ALARMS.built_in())
    return kinds.get(name) or kinds[_UNEXPECTED]


def _by_every_name(kinds: Iterable[AlarmKind]) -> Mapping[str, AlarmKind]:
    return {name: kind for kind in kinds for name in (kind.name, *kind.also)}


def runbook_link(kind: str, base: str) -> str:
    """Link to the runbook of a kind; `base` is the setting `alerts.runbook_base`."""
    runbook = kind_of(kind).runbook
    return runbook if "://" in runbook else f"{base}/{runbook}"
