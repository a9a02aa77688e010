"""The tables of a database, read for `recsys init`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import ibis
import pyarrow as pa

from recsys_tasks.commands.init.numbers import Signs
from recsys_tasks.commands.init.tables import MOST_ROWS, Table
from recsys_tasks.errors import ConfigError
from recsys_tasks.sources.files.streams import Dialect
from recsys_tasks.sources.sql.address import Address
from recsys_tasks.sources.sql.database import Database, open_database
from recsys_tasks.sources.sql.faults import translated


@dataclass(frozen=True)
class DatabaseTable:
    """A table or view, by the name that the settings give it."""

    name: str
    address: Address
    dialect = Dialect()
    is_csv = False
    signs = Signs()
    null_words = ()

    @cached_property
    def rows(self) -> pa.Table:
        """Its rows, columns typed as delivered; of a large table a random part. Raises ConfigError,
        TransientError.
        """
        database = open_database(self.address)
        try:
            return _read(database, self.name)
        except Exception as error:  # each driver has its own
            raise translated(error, self.address, self.name) from None
        finally:
            database.close()


def tables_of(address: Address) -> list[Table]:
    """The tables and views that this user may read. Raises ConfigError where there is none,
    TransientError.
    """
    database = open_database(address)
    try:
        names = database.table_names()
    except Exception as error:  # each driver has its own
        raise translated(error, address, "url") from None
    finally:
        database.close()
    if not names:
        raise ConfigError(
            expected="tables that this user may read",
            found="none",
            where=address.shown,
            remedy="GRANT SELECT on the shop's tables to this user, or name another database",
        )
    return [DatabaseTable(name, address) for name in names]


def _read(database: Database, name: str) -> pa.Table:
    table = database.table(name)
    (count,) = database.stream(table.aggregate(n=table.count().cast("string")))
    rows = int(count.column(0)[0].as_py())
    if database.untyped:
        table = table.select(**{column: table[column].cast("string") for column in table.columns})
    if rows > MOST_ROWS:
        table = table.filter(ibis.random() < MOST_ROWS / rows)
    batches = list(database.stream(table))
    if batches:
        return pa.Table.from_batches(batches)
    return pa.table({column: pa.array([], pa.string()) for column in table.columns})
