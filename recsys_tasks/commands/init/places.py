"""Where a shop's tables are: a folder of files, an object store, or a database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from recsys_tasks.commands.init.database_tables import tables_of
from recsys_tasks.commands.init.dialects import add_dialect
from recsys_tasks.commands.init.proposal import Confidence, Proposal
from recsys_tasks.commands.init.roles import Roles
from recsys_tasks.commands.init.tables import FileTable, Table, settled, tables_at, tables_in
from recsys_tasks.config import connection_of_environment, connection_variable
from recsys_tasks.errors import ConfigError
from recsys_tasks.sources.files.listing import is_visible
from recsys_tasks.sources.files.remote import RemoteFiles
from recsys_tasks.sources.sql.address import Address, address_of, written_password


class Place(Protocol):
    """What `recsys init` looks at."""

    @property
    def name(self) -> str:
        """Its name, for the project."""

    @property
    def what(self) -> str:
        """What kind of place it is, in words."""

    def tables(self) -> Sequence[Table]:
        """The tables that are there. Raises RecsysError."""

    def not_read(self) -> Sequence[str]:
        """Files that lie there; those that hold data and are not read among them."""

    def add_source(self, proposal: Proposal, roles: Roles) -> None:
        """Propose the section `source`."""

    def close(self) -> None:
        """End what is held for the tables."""


@dataclass(frozen=True)
class FolderPlace:
    """A folder of files, and further folders and files; `settings`: the folder that the settings
    file will be in, from which paths within it are relative.
    """

    folder: Path
    settings: Path | None = None
    further: tuple[Path, ...] = ()
    what = "the folder"

    @property
    def name(self) -> str:
        """The folder's own name."""
        folder = self.folder.resolve()
        return folder.parent.name if folder.is_file() else folder.name

    @cached_property
    def _found(self) -> list[tuple[Path, FileTable]]:
        found = []
        for place in (self.folder, *self.further):
            folder = place.parent if place.is_file() else place
            found += [(folder.resolve(), table) for table in tables_in(place)]
        tables = settled([table for _, table in found])
        return [(folder, table) for (folder, _), table in zip(found, tables, strict=True)]

    def tables(self) -> Sequence[Table]:
        """Files, series of files, and folders of files. Raises ConfigError, SchemaError."""
        return [table for _, table in self._found]

    def not_read(self) -> Sequence[str]:
        """Visible files below the folders, those that are read among them."""
        folders = [place for place in (self.folder, *self.further) if place.is_dir()]
        found = [(folder, path) for folder in folders for path in folder.rglob("*")]
        return [
            str(path)
            for folder, path in found
            if is_visible(path.relative_to(folder).parts) and path.is_file()
        ]

    def add_source(self, proposal: Proposal, roles: Roles) -> None:
        """Where the files are, and how CSV files are written."""
        folders = {id(table): folder for folder, table in self._found}

        def path(table: Table) -> str:
            whole = folders[id(table)] / table.name
            start = self.settings.resolve() if self.settings else None
            within = start is not None and whole.is_relative_to(start)
            return str(whole.relative_to(start)) if within and start else str(whole)

        proposal.add("source.kind", "files", "sure", "a folder of files")
        _add_tables(proposal, roles, path)
        add_dialect(proposal, roles)

    def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True)
class StorePlace:
    """The files below a URL of an object store; `connection` has its credentials, where the
    environment does not.
    """

    url: str
    connection: str | None = None
    what = "the bucket or folder"

    @cached_property
    def _files(self) -> RemoteFiles:
        found = connection_of_environment(self.connection) if self.connection else None
        if self.connection and found is None:
            variable = connection_variable(self.connection)
            raise ConfigError(
                expected=f"the connection {self.connection!r}, as a URL or as JSON",
                found="no such variable",
                where=variable,
                remedy=f"export {variable}=URL",
            )
        return RemoteFiles(self.url.rstrip("/"), found)

    @property
    def name(self) -> str:
        """The last part of the URL."""
        return self.url.rstrip("/").rpartition("/")[2]

    def tables(self) -> Sequence[Table]:
        """Objects, series of objects, and folders of them. Raises ConfigError, SchemaError,
        TransientError.
        """
        return settled(tables_at(self._files, self.url.rstrip("/")))

    def not_read(self) -> Sequence[str]:
        """Objects below the URL, for their suffix."""
        return self._files.passed_over()

    def add_source(self, proposal: Proposal, roles: Roles) -> None:
        """Where the files are, and how CSV files are written."""
        proposal.add("source.kind", "files", "sure", "files of an object store")
        _add_tables(proposal, roles, lambda table: f"{self.url.rstrip('/')}/{table.name}")
        if self.connection:
            proposal.add("source.connection", self.connection, "sure", "as you said")
        add_dialect(proposal, roles)

    def close(self) -> None:
        """The copies of what was read are removed."""
        self._files.close()


@dataclass(frozen=True)
class DatabasePlace:
    """A database: its `url` as the settings file will have it, or the Airflow `connection` that has
    it.
    """

    url: str | None = None
    connection: str | None = None
    what = "the database"

    def __post_init__(self) -> None:
        """Refuse a password, which would be written into a file."""
        if self.url is not None and "${" not in self.url and written_password(self.url):
            raise ConfigError(
                expected="a URL without a password: it will stand in the settings file",
                found="one with a password",
                where="recsys init",
                remedy="export SHOP_DATABASE_URL=URL, then recsys init '${SHOP_DATABASE_URL}'",
            )

    @property
    def _address(self) -> Address:
        return address_of(self.url, self.connection, Path.cwd())

    @property
    def name(self) -> str:
        """The database's own name."""
        address = self._address
        return address.file.stem if address.file else urlsplit(address.url).path.strip("/")

    def tables(self) -> Sequence[Table]:
        """Tables and views that this user may read. Raises ConfigError, TransientError."""
        return tables_of(self._address)

    def not_read(self) -> Sequence[str]:
        """None: tables are not files."""
        return ()

    def add_source(self, proposal: Proposal, roles: Roles) -> None:
        """Where the database is, and what its tables are called."""
        proposal.add("source.kind", "sql", "sure", "a database")
        if self.connection:
            proposal.add("source.connection", self.connection, "sure", "as you said")
        else:
            file = self._address.file
            url = str(self.url) if file is None else f"{self._address.backend}://{file}"
            proposal.add("source.url", url, "sure", "as you said")
        _add_tables(proposal, roles, lambda table: table.name)

    def close(self) -> None:
        """Nothing is held."""


def _add_tables(proposal: Proposal, roles: Roles, name: Callable[[Table], str]) -> None:
    rows = f"{roles.events.rows.num_rows:,} rows with a user, an item and a time"
    proposal.add("source.events", name(roles.events), "sure", rows)
    items, users = roles.items, roles.users
    if items:
        shared = f"its {items.id_column!r} has {items.known:.1%} of the events' items"
        proposal.add("source.items", name(items.table), _sure(items.known), shared)
    else:
        proposal.left_out.append(
            f"no table has the ids of {roles.item!r}: items are those of the events, and their"
            " titles are the ids; a table of items would give titles and attributes"
        )
    if users:
        shared = f"its {users.id_column!r} has {users.known:.1%} of the events' users"
        proposal.add("source.users", name(users.table), _sure(users.known), shared)


def _sure(share: float) -> Confidence:
    return "sure" if share >= 0.95 else "likely"
