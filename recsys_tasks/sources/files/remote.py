"""Files of an object store such as S3: which there are, and copies of those that are read.

A file is copied once a reader, into a scratch folder that goes with it: CSV and JSON are looked
through more than once, and a night then sees one state of each object. Credentials come from the
environment or an Airflow connection, and are in no message.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from glob import has_magic
from pathlib import Path
from typing import Any

from fsspec.utils import glob_translate
from upath import UPath

from recsys_tasks.config import EnvironmentConnection
from recsys_tasks.errors import ConfigError, RecsysError, TransientError
from recsys_tasks.sources.files.listing import (
    is_visible,
    logs_among,
    no_files,
    suffixes_among,
    table_with_log,
    values_of,
)
from recsys_tasks.sources.files.places import same_of
from recsys_tasks.sources.files.urls import has_credentials

_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}
"""Schemes → the extra that has their driver."""


class RemoteFiles:
    """Implements `files.places.Place` for a URL of any store that fsspec knows."""

    def __init__(self, url: str, connection: EnvironmentConnection | None = None) -> None:
        """Raises ConfigError for a URL with credentials, and where its driver is not installed."""
        if has_credentials(url):
            raise ConfigError(
                expected="a URL without credentials, such as s3://bucket/prefix",
                found="a name or a key before an @",
                where="source",
                remedy="export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name an Airflow"
                " connection as `source.connection`",
            )
        self._scheme = url.partition("://")[0].lower()
        self._url = url
        try:
            root = UPath(url, **_options(self._scheme, connection))
            self._store = root.fs
        except (ImportError, ValueError) as error:
            raise _no_driver(self._scheme, url) from error
        self._key = root.path.rstrip("/")
        self._found: dict[str, Mapping[str, Any]] = {}
        self._copies: dict[str, Path] = {}
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    def __str__(self) -> str:
        return self._url

    def names(self) -> list[str]:
        """By the store's own listing, as of now. Raises ConfigError where there are none, or none
        that the credentials may list; SchemaError for a table with a log; TransientError.
        """
        keys = self._visible()
        suffixes = suffixes_among(keys)
        data = [key for key in keys if key == self._key or key.lower().endswith(suffixes)]
        if not data:
            pattern = has_magic(self._key)
            found = "no file of this pattern" if pattern else "no such path, or an empty one"
            raise no_files(self._url, "" if keys else found, [k.rpartition("/")[2] for k in keys])
        return [self._name(key) for key in data]

    def passed_over(self) -> list[str]:
        """As `Place` has it."""
        keys = self._visible()
        suffixes = suffixes_among(keys)
        return [
            self._name(key)
            for key in keys
            if key != self._key and not key.lower().endswith(suffixes)
        ]

    def folder_values(self, name: str) -> dict[str, str | None]:
        """As `Place` has it."""
        return values_of(self._below(self._key_of(name))[:-1])

    def version(self, name: str) -> str:
        """Size, and the store's own tag of the content or time of the change."""
        facts = self._found[name]
        tags = [facts.get(tag) for tag in ("ETag", "etag", "LastModified", "mtime", "created")]
        return f"{facts['size']}:{next((tag for tag in tags if tag is not None), '')}"

    def local(self, name: str) -> Path:
        """A copy, made when it is first asked for."""
        if name not in self._copies:
            self._copies[name] = self._copy(name)
        return self._copies[name]

    def same(self) -> list[tuple[str, str]]:
        """By the store's tag of the content, where it has one."""
        tags = {
            name: (facts.get("ETag") or facts.get("etag")) for name, facts in self._found.items()
        }
        return same_of({name: self.version(name) for name, tag in tags.items() if tag})

    def close(self) -> None:
        """The copies are removed."""
        self._copies.clear()
        scratch, self._scratch = self._scratch, None
        if scratch is not None:
            scratch.cleanup()

    def _visible(self) -> list[str]:
        """Keys of the path or pattern without what is hidden, temporary or metadata, sorted as
        paths are. Raises ConfigError, SchemaError, TransientError.
        """
        with self._reached():
            self._store.invalidate_cache()
            listed = self._store.find(self._base(), detail=True)
        objects = {
            key: facts
            for key, facts in listed.items()
            if facts["type"] == "file" and not key.endswith("/") and self._matches(key)
        }
        if logs := logs_among(part for key in objects for part in self._below(key)[:-1]):
            raise table_with_log(logs[0], self._url)
        self._found = {self._name(key): facts for key, facts in objects.items()}
        visible = [key for key in objects if is_visible(self._below(key))]
        return sorted(visible, key=lambda key: key.split("/"))

    def _matches(self, key: str) -> bool:
        if not has_magic(self._key):
            return True
        pattern = re.compile(glob_translate(self._key[len(self._base()) + 1 :]))
        parts = self._below(key)
        return any(pattern.match("/".join(parts[:n])) for n in range(1, len(parts) + 1))

    def _base(self) -> str:
        """The innermost folder without a pattern, or the path itself."""
        key = self._key
        while has_magic(key):
            key = key.rpartition("/")[0]
        return key

    def _below(self, key: str) -> list[str]:
        """The parts of a key below the base; none of an object that the settings name."""
        return key[len(self._base()) + 1 :].split("/") if key != self._key else []

    def _name(self, key: str) -> str:
        return f"{self._scheme}://{key.lstrip('/')}"

    def _key_of(self, name: str) -> str:
        return ("/" if self._key.startswith("/") else "") + name.partition("://")[2]

    def _copy(self, name: str) -> Path:
        if self._scratch is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="recsys-files-")
        folder = Path(self._scratch.name) / hashlib.sha256(name.encode()).hexdigest()[:16]
        folder.mkdir()
        path = folder / name.rpartition("/")[2]
        expected = self._found[name]["size"]
        with self._reached():
            try:
                self._store.get_file(self._key_of(name), str(path))
                found = path.stat().st_size
            except FileNotFoundError:
                found = None
        if found == expected:
            return path
        raise TransientError(
            expected=f"the {expected:,} bytes that the store listed a moment ago",
            found="no such object any more" if found is None else f"{found:,} bytes",
            where=name,
            remedy="run the night again; write objects before the night begins",
        )

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """What the store's driver raises, as an error in four parts; its own words may hold a key
        of the credentials.
        """
        try:
            yield
        except RecsysError:
            raise
        except FileNotFoundError as error:
            raise no_files(self._url, "no such bucket or path", []) from error
        except Exception as error:  # each driver has its own
            kind = type(error).__name__
            if isinstance(error, PermissionError) or "credential" in kind.lower():
                raise _no_access(self._url, kind) from None
            raise TransientError(
                expected="an object store that answers",
                found=f"an error of its driver, {kind}",
                where=self._url,
                remedy="see whether this machine reaches it, and run the night again",
            ) from None


def _options(scheme: str, connection: EnvironmentConnection | None) -> dict[str, Any]:
    """What a store's driver is given; without a connection it looks into the environment."""
    if connection is None:
        return {}
    extra = connection.extra
    if _EXTRAS.get(scheme) == "gs":
        key = extra.get("keyfile_dict") or extra.get("key_path")
        key = json.loads(key) if isinstance(key, str) and key.startswith("{") else key
        found = {"token": key, "project": extra.get("project")}
    else:
        region = extra.get("region_name")
        found = {
            "key": connection.login,
            "secret": connection.password,
            "token": extra.get("aws_session_token"),
            "endpoint_url": extra.get("endpoint_url"),
            "client_kwargs": {"region_name": region} if region else None,
        }
    return {name: value for name, value in found.items() if value}


def _no_driver(scheme: str, url: str) -> ConfigError:
    extra = _EXTRAS.get(scheme)
    install = f"make setup EXTRAS={extra}" if extra else f"install fsspec's driver of {scheme}://"
    return ConfigError(
        expected="a path on this machine, or a URL whose driver is installed",
        found=f"no driver for {scheme}://",
        where=url,
        remedy=f"{install}, or name a path on this machine under `source`",
    )


def _no_access(url: str, kind: str) -> ConfigError:
    scheme = url.partition("://")[0].lower()
    variables = {
        "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    }.get(_EXTRAS.get(scheme, ""), "its credentials")
    return ConfigError(
        expected="credentials that may list and read the objects",
        found=f"none, or none that may ({kind})",
        where=url,
        remedy=f"export {variables}, or name an Airflow connection as `source.connection`",
    )
