"""What the settings may name as a table of a database."""

from __future__ import annotations

import re

from pydantic import field_validator

from recsys_tasks.config.base import Section

_ASIDE = re.compile(
    r"(?P<name>'(?:[^']|'')*'|\"[^\"]*\")|--[^\n]*|/\*.*?\*/",  # a text or a name; a remark
    re.DOTALL,
)


class Query(Section):
    """A query in the database's own SQL."""

    query: str
    """A SELECT; its columns are named as `events`, `items` and `users` of the settings say."""

    @field_validator("query")
    @classmethod
    def _selects(cls, text: str) -> str:
        # Signs of texts and names mean nothing here, nor do remarks; places stay as they are.
        bare = _ASIDE.sub(lambda found: ("." if found["name"] else " ") * len(found[0]), text)
        text = text[: len(bare.rstrip().removesuffix(";").rstrip())]
        bare = bare[: len(text)]
        if not re.match(r"[\s(]*(select|with)\b", bare, re.I) or ";" in bare:
            raise ValueError("write one SELECT; a night only reads")
        return text.strip()


Relation = str | Query
"""`table`, `schema.table` or `catalog.schema.table`; or a query."""


def name_of(relation: Relation) -> str:
    """The relation in messages."""
    return relation if isinstance(relation, str) else "a query"
