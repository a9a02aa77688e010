"""What is wrong with a shop's data, though settings can be proposed for it."""

from __future__ import annotations

from collections.abc import Iterator

from recsys_tasks.commands.init.columns import Column
from recsys_tasks.commands.init.roles import Roles
from recsys_tasks.sources.noticed.short_ids import short_id_words


def noticed_in(roles: Roles) -> Iterator[str]:
    """Words on each column that is not what it seems."""
    for table, column in _ids(roles):
        if words := short_id_words(column.text):
            yield (
                f"{table}, {column.name}: {words}; a night stops at them, unless"
                " validation.allow_shortened_ids says that they are whole"
            )


def _ids(roles: Roles) -> Iterator[tuple[str, Column]]:
    """The columns of ids, each with its table."""
    yield "events", roles.columns[roles.user]
    yield "events", roles.columns[roles.item]
    for name, entities in (("items", roles.items), ("users", roles.users)):
        if entities is not None:
            yield name, entities.columns[entities.id_column]
