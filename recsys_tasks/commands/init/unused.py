"""Tables that have no role, and what keeps each from the one that it seems to be for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.commands.init.columns import Column
from recsys_tasks.commands.init.tables import Table
from recsys_tasks.commands.init.unnamed import Looked
from recsys_tasks.snapshot.checks.near_ids import near_words

_MOST_IDS: Final = 10_000
_JOINED_BY: Final = "|;, "


def unused_tables(
    looked: Sequence[Looked],
    used: Sequence[Table],
    events: Sequence[Table],
    ids: Mapping[str, Column],
) -> Iterator[str]:
    """Words on each table that is not used. `events`: tables that could hold events; `ids`: the
    events' columns of items and of users.
    """
    for table, columns in looked:
        if any(table is one for one in used):
            continue
        if any(table is one for one in events):
            yield (
                f"table {table.name}: it also has a user, an item and a time; rows of several"
                " tables are one table of events, with a column that says which kind each is; of"
                " what users were shown, a table of its own: source.impressions"
            )
            continue
        why = next(_almost(columns, ids), "neither the events' items nor their users")
        yield f"table {table.name}: {why}"


def _almost(columns: Mapping[str, Column], ids: Mapping[str, Column]) -> Iterator[str]:
    """What would make a table that of the items or users."""
    for role, wanted in ids.items():
        asked = pc.unique(wanted.text.drop_null()).slice(0, _MOST_IDS)
        for name, column in columns.items():
            known = pc.unique(column.text.drop_null())
            if len(known) < 2 or not len(asked):
                continue
            if _share(asked, known) >= 0.5:
                rows = len(column.text) / len(known)
                yield (
                    f"its {name!r} has the events' {role}s, each in {rows:.1f} rows on average;"
                    f" deliver one row a{'n' if role == 'item' else ''} {role}"
                )
            elif near := near_words(asked, pa.chunked_array([known])):
                yield f"its {name!r} lacks the events' {role}s as they are written{near}"
            elif sign := _joined_by(asked, known):
                yield (
                    f"the events' {wanted.name!r} joins several values of its {name!r} by {sign!r};"
                    " deliver a row for each"
                )


def _joined_by(asked: pa.Array, known: pa.Array) -> str:
    """The sign that joins several known ids in most of those asked for; empty where none does."""
    for sign in _JOINED_BY:
        joined = asked.filter(pc.match_substring(asked, sign))
        if len(joined) < 0.2 * len(asked):
            continue
        parts = pc.utf8_trim_whitespace(pc.list_flatten(pc.split_pattern(joined, sign)))
        if _share(pc.unique(parts), known) >= 0.5:
            return sign
    return ""


def _share(asked: pa.Array, known: pa.Array) -> float:
    return float(pc.mean(pc.is_in(asked, value_set=known)).as_py() or 0.0)
