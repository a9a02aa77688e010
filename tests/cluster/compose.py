"""What docker-compose.yaml and the Dockerfile say of a service, with the values of `.env` in it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from recsys_tasks.config import PROJECT_ROOT as ROOT

PIPELINE = "nightshelf-airflow"
_VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z_]+)(?::([?-])([^}]*))?\}")


@dataclass(frozen=True)
class Service:
    """A service as its container would see it."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    check: Sequence[str]
    """Its health check; empty where it has none."""


def service(name: str, values: Mapping[str, str]) -> Service:
    """A service of docker-compose.yaml; `values` are those of `.env`. Raises KeyError where one is
    missing.
    """
    said = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"][name]
    own = {key: _filled(str(value), values) for key, value in said.get("environment", {}).items()}
    ours = said.get("image") == PIPELINE
    command = _words(said.get("entrypoint", _entrypoint() if ours else []))
    command += _words(said.get("command", []))
    return Service(
        name,
        [_filled(word, values) for word in command],
        {**(image_environment() if ours else {}), **own},
        _check(said.get("healthcheck", {}), values),
    )


def image_environment() -> Mapping[str, str]:
    """ENV of the pipeline's image."""
    lines = re.findall(r"^ENV ((?:.*\\\n)*.*)$", _image(), re.MULTILINE)
    words = [word for line in lines for word in shlex.split(line.replace("\\\n", " "))]
    return dict(word.split("=", 1) for word in words)


def _entrypoint() -> list[str]:
    (said,) = re.findall(r"^ENTRYPOINT (.*)$", _image(), re.MULTILINE)
    return [str(word) for word in yaml.safe_load(said)]


def _image() -> str:
    """The Dockerfile's part of the pipeline's image."""
    return (ROOT / "Dockerfile").read_text().split("\nFROM ")[1]


def _words(said: Any) -> list[str]:
    return shlex.split(said) if isinstance(said, str) else [str(word) for word in said]


def _check(said: Mapping[str, Any], values: Mapping[str, str]) -> list[str]:
    how, *words = said.get("test", ["NONE"])
    words = [_filled(word, values) for word in words]
    return ["sh", "-c", *words] if how == "CMD-SHELL" else words


def _filled(text: str, values: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name, sign, default = found.groups()
        given = values.get(name, "")
        return given or (default if sign == "-" else values[name])

    return _VARIABLE.sub(value, text).replace("$$", "$")
