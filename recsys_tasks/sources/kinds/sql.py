"""A database or a warehouse as a source: its settings, and how it is opened."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import field_validator, model_validator

from recsys_tasks.config import Config, SourceSettings
from recsys_tasks.errors import RecsysError
from recsys_tasks.sources.sql.relation import Relation, name_of

if TYPE_CHECKING:
    from recsys_tasks.sources.sql.reader import SqlReader
    from recsys_tasks.sources.tables import TableName


class SqlSource(SourceSettings):
    """Tables or queries of a database: PostgreSQL, MariaDB, DuckDB, SQLite, or a warehouse."""

    kind: Literal["sql"] = "sql"
    url: str | None = None
    """Where it is, as Ibis writes it: `postgres://reader@host/shop`, `duckdb:///data/shop.duckdb`.
    A password comes from the environment: `${SHOP_DATABASE_URL}`."""
    connection: str | None = None
    """Instead of `url`: id of an Airflow connection (without Airflow: AIRFLOW_CONN_<ID>)."""
    events: Relation
    """Table with the interactions, `schema.table`; or `{query: SELECT ...}`. Its time column is a
    timestamp, a date or a number: of text, the whole table is read every night."""
    items: Relation
    """Table or query with the items."""
    users: Relation | None = None
    """Table or query with the users; null: users are those seen in the interactions."""

    @field_validator("url")
    @classmethod
    def _has_no_password(cls, url: str | None) -> str | None:
        if url is not None and re.search(r"://[^:@/]*:[^$@][^@]*@", url):
            raise ValueError(
                "a password does not belong into a settings file: write url: ${SHOP_DATABASE_URL}"
                " and set that variable, or name an Airflow connection"
            )
        return url

    @model_validator(mode="after")
    def _is_somewhere(self) -> SqlSource:
        if (self.url is None) == (self.connection is None):
            raise ValueError("say either url or connection")
        return self

    @property
    def connections(self) -> tuple[str, ...]:
        """Airflow's connections that are read."""
        return (self.connection,) if self.connection else ()


class Sql:
    """Implements `sources.base.Source`."""

    name = "sql"
    settings = SqlSource

    def describe(self, settings: SqlSource) -> str:
        """The tables, and the address as it was written."""
        users = name_of(settings.users) if settings.users else "those of the events"
        place = settings.url or f"the Airflow connection {settings.connection}"
        events, items = name_of(settings.events), name_of(settings.items)
        return f"sql: events {events}, items {items}, users {users}, of {place}"

    def has_users_table(self, settings: SqlSource) -> bool:
        """Whether the settings name a users table."""
        return settings.users is not None

    def open(self, config: Config, settings: SqlSource, home: Path) -> SqlReader:
        """The tables; the database is asked when a night reads. Raises ConfigError when a variable
        or connection is unset.
        """
        from recsys_tasks.sources.sql.address import address_of
        from recsys_tasks.sources.sql.reader import SqlReader

        relations: dict[TableName, Relation] = {"events": settings.events, "items": settings.items}
        if settings.users is not None:
            relations["users"] = settings.users
        address = address_of(settings.url, settings.connection, config.folder)
        return SqlReader(config, address, relations)

    def examine(self, config: Config, settings: SqlSource) -> Iterator[tuple[bool, str]]:
        """Whether the database answers and has every column."""
        try:
            reader = self.open(config, settings, Path())
            try:
                found = reader.columns_there()
            finally:
                reader.close()
        except RecsysError as error:
            yield False, f"database: {error.found} ({error.where}): {error.remedy}"
        else:
            yield True, f"database: {found}"


SOURCE = Sql()
