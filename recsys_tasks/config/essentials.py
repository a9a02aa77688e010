"""What alerts and schedules need of the settings file, also where the file is wrong.

Somebody must hear of a wrong file, so nothing here raises: a section with a mistake falls back to
what it was when the file was last right, and before that to its defaults.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from recsys_tasks.config.base import Section
from recsys_tasks.config.environment import Environment
from recsys_tasks.config.gate import GateConfig
from recsys_tasks.config.load import load_config, read_settings
from recsys_tasks.config.operations import AlertsConfig, MonitoringConfig, ScheduleConfig
from recsys_tasks.config.serving import ServingConfig
from recsys_tasks.errors import ConfigError
from recsys_tasks.small_files import write_whole

_SECTIONS: Mapping[str, type[Section]] = {
    "alerts": AlertsConfig,
    "gate": GateConfig,
    "monitoring": MonitoringConfig,
    "schedule": ScheduleConfig,
    "serving": ServingConfig,
}


@dataclass(frozen=True)
class Essentials:
    """Sections as they stand, and what is wrong with the file."""

    clock: Literal["wall", "simulated"]
    alerts: AlertsConfig
    gate: GateConfig
    monitoring: MonitoringConfig
    schedule: ScheduleConfig
    serving: ServingConfig
    mistake: ConfigError | None = None


def read_essentials(environment: Environment) -> Essentials:
    """The sections of the environment's settings file; never raises."""
    try:
        config = load_config(environment.config_path)
    except ConfigError as error:
        return _what_stands(environment, error)
    sections: dict[str, Any] = {name: getattr(config, name) for name in _SECTIONS}
    return Essentials(config.clock, **sections)


def remember(environment: Environment, essentials: Essentials) -> None:
    """Keep the sections of a right file for the day on which it is wrong, where the home can be
    written.
    """
    if essentials.mistake is not None:
        return
    sections = {name: getattr(essentials, name).model_dump(mode="json") for name in _SECTIONS}
    text = json.dumps({"clock": essentials.clock, **sections}, indent=1)
    path = _memory(environment)
    with suppress(OSError):
        if path.is_file() and path.read_text() == text:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)


def _what_stands(environment: Environment, mistake: ConfigError) -> Essentials:
    given, before = _given(environment.config_path), _remembered(environment)
    sections: dict[str, Any] = {name: _section(name, given, before) for name in _SECTIONS}
    clocks = [
        source["clock"]
        for source in (given, before)
        if source.get("clock") in ("wall", "simulated")
    ]
    return Essentials(
        "simulated" if clocks[:1] == ["simulated"] else "wall", **sections, mistake=mistake
    )


def _section(name: str, *sources: Mapping[str, Any]) -> Section:
    for source in sources:
        if name in source:
            with suppress(ValidationError):
                return _SECTIONS[name].model_validate(source[name])
    return _SECTIONS[name]()


def _given(path: Path) -> Mapping[str, Any]:
    with suppress(ConfigError):
        raw = read_settings(path)
        return raw if isinstance(raw, dict) else {}
    return {}


def _remembered(environment: Environment) -> Mapping[str, Any]:
    with suppress(OSError, ValueError):
        raw = json.loads(_memory(environment).read_text())
        return raw if isinstance(raw, dict) else {}
    return {}


def _memory(environment: Environment) -> Path:
    return environment.home / "alerts" / "settings.json"
