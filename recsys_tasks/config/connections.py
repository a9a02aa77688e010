"""Airflow's connections as environment variables, read where Airflow is not: in `recsys run`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from recsys_tasks.errors import ConfigError


@dataclass
class EnvironmentConnection:
    """A connection; its `repr` shows no password."""

    kind: str
    host: str | None
    login: str | None
    password: str | None = field(repr=False)
    schema: str | None
    port: int | None
    extra: Mapping[str, Any] = field(repr=False)

    @property
    def extra_dejson(self) -> Mapping[str, Any]:
        """Its extra fields, by the name that Airflow's own have."""
        return self.extra

    @property
    def url(self) -> str:
        """As the URL of a database."""
        login = quote(self.login or "", safe="")
        login += f":{quote(self.password, safe='')}" if self.password else ""
        host = (f"{login}@" if login else "") + (self.host or "")
        host += f":{self.port}" if self.port else ""
        query = "&".join(f"{name}={quote(str(v), safe='')}" for name, v in self.extra.items())
        return f"{self.kind}://{host}/{self.schema or ''}" + (f"?{query}" if query else "")


def connection_variable(connection: str) -> str:
    """The environment variable that has a connection, by Airflow's convention."""
    return "AIRFLOW_CONN_" + re.sub(r"\W", "_", connection).upper()


def connection_of_environment(connection: str) -> EnvironmentConnection | None:
    """The connection of that id, from its variable in one of Airflow's two forms; None where it is
    unset or empty. Raises ValueError for what is neither.
    """
    given = os.environ.get(connection_variable(connection), "").strip()
    if not given:
        return None
    return _of_json(json.loads(given)) if given.startswith("{") else _of_url(given)


def required_connection(connection: str) -> EnvironmentConnection:
    """The connection of that id. Raises ConfigError where there is none."""
    found = connection_of_environment(connection)
    if found is not None:
        return found
    variable = connection_variable(connection)
    raise ConfigError(
        expected=f"the connection {connection!r}, as a URL or as JSON",
        found="none of this name in Airflow, and no such variable",
        where=variable,
        remedy=(
            f"airflow connections add {connection} --conn-uri URL, or for `recsys run` export"
            f" {variable}=URL"
        ),
    )


def _of_json(given: Mapping[str, Any]) -> EnvironmentConnection:
    extra = given.get("extra") or {}
    port = given.get("port")
    return EnvironmentConnection(
        kind=str(given.get("conn_type") or ""),
        host=given.get("host"),
        login=given.get("login"),
        password=given.get("password"),
        schema=given.get("schema"),
        port=int(port) if port else None,
        extra=json.loads(extra) if isinstance(extra, str) else extra,
    )


def _of_url(given: str) -> EnvironmentConnection:
    """As Airflow reads one: parts are percent-encoded, extra fields are the parameters."""
    parts, rest, scheme = urlsplit(given), given.partition("://")[2], ""
    if "://" in rest.partition("?")[0]:  # http://https://host: the host has a scheme of its own
        parts = urlsplit(rest)
        scheme = f"{parts.scheme}://"
    pairs = dict(parse_qsl(parts.query, keep_blank_values=True))
    extra = json.loads(pairs["__extra__"]) if "__extra__" in pairs else pairs
    host = unquote(parts.hostname or "")
    return EnvironmentConnection(
        kind=urlsplit(given).scheme.replace("-", "_"),
        host=scheme + host if host else None,
        login=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        schema=unquote(parts.path[1:]) or None,
        port=parts.port,
        extra=extra,
    )
