"""What is known of a public data set: how its files look, and which tables they become.

A data set is one file of `data_sets`, with an attribute `DATA_SET`. Its queries are DuckDB's SQL
over its own files, a table each under `File.name`, in which every column is text.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from recsys_tasks.commands.public_data.archive import Member

_LOOKED_AT = 50
"""Lines by which a file without headings is recognised."""
_MOST = 0.9
"""Share of them that must have the form: a few may be damaged."""


@dataclass(frozen=True)
class Headed:
    """CSV, or an Excel workbook, with headings."""

    columns: Mapping[str, Sequence[str]]
    """Column → headings that it may have; case and spaces do not matter."""
    quoted: bool = True
    """Whether values may stand in quotes; where they cannot, a quote is a character."""

    def fits(self, member: Member) -> bool:
        """Whether every column has a heading."""
        return all(self.headings(member).values())

    def headings(self, member: Member) -> dict[str, str]:
        """Column → its heading in this file; empty where there is none."""
        found = {_plain(heading): heading for heading in headings_of(member)}
        return {
            column: next((found[_plain(one)] for one in names if _plain(one) in found), "")
            for column, names in self.columns.items()
        }


@dataclass(frozen=True)
class Unheaded:
    """Lines of values without headings."""

    delimiter: str
    patterns: Mapping[str, str]
    """Column → regular expression that its whole value matches, in the order of the line."""
    encoding: Literal["utf-8", "latin-1"] = "utf-8"

    def fits(self, member: Member) -> bool:
        """Whether nearly all of the first lines have just these values."""
        lines = member.lines[:_LOOKED_AT]
        return bool(lines) and sum(map(self._has, lines)) >= _MOST * len(lines)

    def _has(self, line: str) -> bool:
        values = line.split(self.delimiter)
        patterns = self.patterns.values()
        return len(values) == len(patterns) and all(
            re.fullmatch(pattern, value) for pattern, value in zip(patterns, values, strict=True)
        )


@dataclass(frozen=True)
class JsonLines:
    """A JSON object a line."""

    fields: Mapping[str, str]
    """Column → key of the object."""
    needs: frozenset[str]
    """Keys that an object of this kind has."""

    def fits(self, member: Member) -> bool:
        """Whether the first line that is an object has the keys."""
        for line in member.lines[:_LOOKED_AT]:
            if not line.startswith("{"):
                return False
            try:
                return self.needs <= json.loads(line).keys()
            except ValueError:
                continue
        return False


@dataclass(frozen=True)
class File:
    """A file of a data set."""

    name: str
    """Its table in queries."""
    what: str
    """How it looks, for a person whose download was not recognised."""
    form: Headed | Unheaded | JsonLines
    needed: bool = True
    several: bool = False
    """Whether several files of this form are parts of one table; else the largest is read: the
    others are its parts again, as splits for evaluation are.
    """


@dataclass(frozen=True)
class Interactions:
    """Which rows are interactions."""

    file: str
    user: str
    """Column with the user's id, which is quoted nowhere."""
    columns: Mapping[str, str]
    """Column → expression over a row of the file: `user_id`, `item_id`, `timestamp` (seconds since
    the epoch), `event`, and what else is kept. A row for which one of the first three is null
    cannot be read.
    """
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Why rows are no interactions → condition over a row of the file."""
    merged: str = "SELECT * FROM interactions_read"
    """What becomes of the rows that were read."""


@dataclass(frozen=True)
class Entities:
    """A table of items or of users."""

    query: str
    """A row an id (`item_id` or `user_id`); of several rows with one id the first in order of all
    columns is kept.
    """
    files: Sequence[str]
    """Files that the query needs; without one of them the table has ids alone."""
    attributes: Sequence[Mapping[str, Any]]
    """Declared attributes, each a column of the query."""
    title: str | None = None
    """Column shown to people, of items."""
    group: str | None = None
    """Attribute by which items have a category, or users a segment."""


@dataclass(frozen=True)
class DataSet:
    """A public data set."""

    name: str
    """Also the project's, in the settings."""
    title: str
    page: str
    """Where it is downloaded."""
    files: Sequence[File]
    interactions: Interactions
    items: Entities
    users: Entities | None
    kinds: Mapping[str, float]
    """Kinds of event → weight."""
    objectives: Sequence[Mapping[str, Any]]
    repeats: Literal["allow", "forbid"]
    assumed: Mapping[str, str]
    """Setting → what was assumed, and what of the data set is left out by it."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings beside those that every data set has; each has its words in `assumed`."""

    def parts(self, members: Sequence[Member]) -> Mapping[str, Sequence[Member]] | None:
        """Files by name, each the members it is made of; None when the download is not of this
        data set.
        """
        found: dict[str, Sequence[Member]] = {}
        for file in self.files:
            fitting = [member for member in members if file.form.fits(member)]
            if not fitting and file.needed:
                return None
            if fitting:
                largest = max(fitting, key=lambda member: member.size)
                found[file.name] = fitting if file.several else [largest]
        return found


def headings_of(member: Member) -> list[str]:
    """Values of a file's first line, read as CSV."""
    return next(csv.reader(member.lines[:1]), [])


def _plain(heading: str) -> str:
    return heading.strip().replace(" ", "").lower()
