"""Settings of single tables' CSV files: their columns, and how they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field

from recsys_tasks.config import Section

if TYPE_CHECKING:
    from recsys_tasks.sources.tables import TableName


def _is_a_sign(sign: str) -> str:
    if not sign.isascii() or sign in '"\r\n\0':
        raise ValueError(
            f"{sign!r} cannot separate values: write one ASCII sign, no quote and no line break"
        )
    return sign


def _is_known(name: str) -> str:
    try:
        "user_id,1".encode(name).decode(
            name
        )  # hex, zlib or rot13 are codecs, and no encodings of text
    except (LookupError, UnicodeError) as error:
        raise ValueError(
            f"{name!r} is no encoding; write e.g. utf-8, latin-1, cp1252 or utf-16"
        ) from error
    return name


Thousands = Literal["", ",", ".", " ", "'"]
Sign = Annotated[str, Field(min_length=1, max_length=1), AfterValidator(_is_a_sign)]
Encoding = Annotated[str, AfterValidator(_is_known)]


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if odd := [name for name in names if not name.strip() or names.count(name) > 1]:
        raise ValueError(f"{odd[0]!r} is no name, or is there twice: name every column of the file")
    return names


ColumnNames = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_each_once)]


class FileColumns(Section):
    """Names of all columns of CSV files, in order, of tables whose files have no header; files of
    other formats have their own names.
    """

    events: ColumnNames | None = None
    """Columns of the interactions, e.g. `[user_id, item_id, timestamp]`; null: as the header says.
    """
    items: ColumnNames | None = None
    """Columns of the items; null: as the header says."""
    users: ColumnNames | None = None
    """Columns of the users; null: as the header says."""
    impressions: ColumnNames | None = Field(default=None, exclude_if=lambda names: names is None)
    """Columns of the impressions; null: as the header says."""

    def by_table(self) -> dict[TableName, tuple[str, ...]]:
        """The names of each table that has some."""
        given: dict[TableName, tuple[str, ...] | None] = {
            "events": self.events,
            "items": self.items,
            "users": self.users,
        }
        return {table: names for table, names in given.items() if names is not None}


class TableDialect(Section):
    """How one table's CSV files are written; what is left out is as for all tables."""

    delimiter: Sign | None = None
    """What separates values; null: as `source.delimiter` says."""
    encoding: Encoding | None = None
    """Encoding; null: as `source.encoding` says."""
    null_words: tuple[str, ...] | None = None
    """Words that mean a missing value; null: as `source.null_words` says."""
    decimal: Literal[".", ","] | None = None
    """Sign before the fraction of numbers; null: as `source.decimal` says."""
    thousands: Thousands | None = None
    """Sign between thousands; "": none; null: as `source.thousands` says."""

    def given(self) -> dict[str, Any]:
        """What is said of this table."""
        return {name: value for name, value in self if value is not None}


class TableDialects(Section):
    """Tables whose CSV files are written otherwise than the others."""

    events: TableDialect | None = None
    """The interactions; null: as all tables."""
    items: TableDialect | None = None
    """The items; null: as all tables."""
    users: TableDialect | None = None
    """The users; null: as all tables."""
    impressions: TableDialect | None = None
    """The impressions; null: as all tables."""
