"""What the settings may name as a table of a database."""

from __future__ import annotations

import re

from pydantic import field_validator

from recsys_tasks.config.base import Section


class Query(Section):
    """A query in the database's own SQL."""

    query: str
    """A SELECT; its columns are named as `events`, `items` and `users` of the settings say."""

    @field_validator("query")
    @classmethod
    def _selects(cls, text: str) -> str:
        text = text.strip().rstrip(";").rstrip()
        outside = re.sub(r"'[^']*'", "", text)  # a text may hold a semicolon
        if not re.match(r"(select|with)\b", text, re.I) or ";" in outside:
            raise ValueError("write one SELECT; a night only reads")
        return text


Relation = str | Query
"""`table`, `schema.table` or `catalog.schema.table`; or a query."""


def name_of(relation: Relation) -> str:
    """The relation in messages."""
    return relation if isinstance(relation, str) else "a query"
