"""Where a database is, with its credentials: from the environment alone, and never in a message."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from recsys_tasks.config import (
    connection_variable,
    expand_variables,
    required_connection,
)
from recsys_tasks.errors import ConfigError
from recsys_tasks.sources.files.listing import resolve

_NAMES = {"postgresql": "postgres", "mariadb": "mysql"}
"""Schemes that have another name in Ibis."""
_IN_FILES = ("duckdb", "sqlite")
_MASK = "***"


@dataclass(frozen=True)
class Address:
    """URL of a database; `repr` and `masked` never show its password."""

    url: str = field(repr=False)

    @property
    def backend(self) -> str:
        """Ibis's name of the kind of database."""
        return urlsplit(self.url).scheme

    @property
    def file(self) -> Path | None:
        """The file that the database is, if it is one."""
        parts = urlsplit(self.url)
        if self.backend not in _IN_FILES:
            return None
        return Path(unquote(parts.netloc + parts.path))

    @property
    def shown(self) -> str:
        """The URL without user, password and parameters."""
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        return f"{parts.scheme}://{host}{parts.path}"

    def masked(self, text: str) -> str:
        """A message of the database's, on one line, without what it says of the credentials."""
        parts = urlsplit(self.url)
        secrets = {self.url, parts.netloc, parts.query, *_values(parts.query)}
        secrets |= {
            text
            for word in (parts.password, written_password(self.url))
            if word
            for text in (word, unquote(word))
        }
        for secret in sorted((s for s in secrets if len(s) > 2), key=len, reverse=True):
            text = text.replace(secret, _MASK)
        return " ".join(text.split())[:300]


def address_of(url: str | None, connection: str | None, folder: Path | None) -> Address:
    """The address that the settings name; a path is one beside the settings file's `folder`.

    Raises ConfigError for an unset variable and for a connection that does not exist.
    """
    given = expand_variables(url) if url is not None else required_connection(str(connection)).url
    scheme, separator, rest = given.partition("://")
    if not separator:
        raise ConfigError(
            expected="a URL such as postgres://reader@host/shop or duckdb:///data/shop.duckdb",
            found="text without ://",
            where="source.url" if url is not None else connection_variable(str(connection)),
            remedy="correct it: the kind of database, ://, and where it is",
        )
    scheme = scheme.lower().partition("+")[0]
    scheme = _NAMES.get(scheme, scheme)
    if scheme in _IN_FILES:
        path, question, options = rest.partition("?")
        rest = f"{resolve(unquote(path), folder)}{question}{options}"
    return Address(f"{scheme}://{rest}")


def written_password(url: str) -> str | None:
    """The password in a URL, also one whose signs are not encoded as they have to be."""
    found = re.search(r"://[^:@/]*:(.+)@", url)
    return found[1] if found else None


def _values(query: str) -> set[str]:
    """Values of secret parameters of a URL."""
    pairs = [pair.partition("=") for pair in query.split("&")]
    secret = [v for name, _, v in pairs if re.search("pass|secret|token|key", name, re.I)]
    return {text for value in secret for text in (value, unquote(value))}
