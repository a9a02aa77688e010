"""A database or a warehouse as a source: its settings, and how it is opened."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator, model_validator

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
    items: Relation | None = None
    """Table or query with the items; null: items are those seen in the interactions, and their
    titles are the ids."""
    users: Relation | None = None
    """Table or query with the users; null: users are those seen in the interactions."""
    impressions: Relation | None = Field(default=None, exclude_if=lambda table: table is None)
    """Table or query with what users were shown, a row a showing (`events.impressions` names its
    columns); null: there is none, or its rows are among the interactions. It is read in a
    transaction of its own."""

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

    @property
    def has_items_table(self) -> bool:
        """Whether the settings name one."""
        return self.items is not None

    @property
    def of_impressions(self) -> SqlSource | None:
        """Their table alone."""
        if self.impressions is None:
            return None
        alone = {"events": self.impressions, "items": None, "users": None, "impressions": None}
        return self.model_copy(update=alone)


class Sql:
    """Implements `sources.base.Source`."""

    name = "sql"
    settings = SqlSource

    def describe(self, settings: SqlSource) -> str:
        """The tables, and the address as it was written."""
        tables = {"items": settings.items, "users": settings.users}
        words = [f"{n} {name_of(t) if t else 'those of the events'}" for n, t in tables.items()]
        if settings.impressions:
            words.append(f"impressions {name_of(settings.impressions)}")
        place = settings.url or f"the Airflow connection {settings.connection}"
        return f"sql: events {name_of(settings.events)}, {', '.join(words)}, of {place}"

    def has_users_table(self, settings: SqlSource) -> bool:
        """Whether the settings name a users table."""
        return settings.users is not None

    def open(self, config: Config, settings: SqlSource, home: Path) -> SqlReader:
        """The tables; the database is asked when a night reads. Raises ConfigError when a variable
        or connection is unset.
        """
        from recsys_tasks.sources.sql.address import address_of
        from recsys_tasks.sources.sql.reader import SqlReader

        given: dict[TableName, Relation | None] = {
            "events": settings.events,
            "items": settings.items,
            "users": settings.users,
        }
        relations = {table: named for table, named in given.items() if named is not None}
        address = address_of(settings.url, settings.connection, config.folder)
        return SqlReader(config, address, relations)

    def examine(self, config: Config, settings: SqlSource) -> Iterator[tuple[bool, str]]:
        """Whether the database answers and has every column."""
        from recsys_tasks.sources.showings import showings_config

        looked_at, found = [(config, settings, "events")], []
        if (shown := settings.of_impressions) is not None:
            looked_at.append((showings_config(config, shown), shown, "impressions"))
        try:
            for given, tables, name in looked_at:
                reader = self.open(given, tables, Path())
                try:
                    found.append(reader.columns_there().replace("events", name, 1))
                finally:
                    reader.close()
        except RecsysError as error:
            yield False, f"database: {error.found} ({error.where}): {error.remedy}"
        else:
            yield True, f"database: {'; '.join(found)}"


SOURCE = Sql()
