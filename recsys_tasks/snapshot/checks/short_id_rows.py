"""Which rows name an id that lost digits on its way, and how a message quotes it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.config import Config
from recsys_tasks.errors import hashed_user
from recsys_tasks.sources.base import has_users_table
from recsys_tasks.sources.noticed.short_ids import fraction_twins, shortened

SHORTENED: Final = "shortened_id"
"""The check, and why a row is set aside."""
_QUOTED: Final = 3
_Flags = npt.NDArray[np.bool_]


def shortened_rows(config: Config, ids: pa.ChunkedArray, known: pa.Array) -> _Flags:
    """`[n] bool`: ids that lost digits, or that are `123.0` where `123` is one of these or is
    `known`; of those, ids that no table knows are unknown ones, and told as such.
    """
    if config.validation.allow_shortened_ids:
        return np.zeros(len(ids), bool)
    return _short(ids, known)


def _short(ids: pa.ChunkedArray, known: pa.Array) -> _Flags:
    here = pa.chunked_array([pc.unique(ids).drop_null()])  # far fewer than rows
    listed = pc.fill_null(pc.is_in(here, value_set=known), False)
    every = pa.concat_arrays([here.combine_chunks(), _flat(known)])
    short = pc.or_(shortened(here), pc.and_(fraction_twins(here, every), listed))
    found = here.filter(short).combine_chunks()
    if not len(found):
        return np.zeros(len(ids), bool)
    return np.asarray(pc.fill_null(pc.is_in(ids, value_set=found), False).to_numpy(), bool)


def shortened_words(config: Config, ids: pa.ChunkedArray, column: str) -> npt.NDArray[np.object_]:
    """`[n]`: each id of a table of users or items that lost digits, as a message quotes it; empty
    elsewhere.
    """
    words = np.full(len(ids), "", object)
    flags = shortened_rows(config, ids, pc.unique(ids).drop_null())
    words[flags] = [_quote(text, column) for text in ids.filter(pa.array(flags)).to_pylist()]
    return words


def quoted_ids(events: pa.Table) -> str:
    """The first such ids of the rows that are set aside, as the end of a sentence."""
    quoted: dict[str, None] = {}
    for column in ("user_id", "item_id"):
        ids = pc.unique(events[column]).drop_null()
        flags = _short(pa.chunked_array([ids]), ids)
        first = ids.filter(pa.array(flags)).slice(0, _QUOTED).to_pylist()
        quoted |= dict.fromkeys(f"{column} {_quote(text, column)}" for text in first)
    return f"; delivered as {', '.join(quoted)}" if quoted else ""


def with_whole_ids(config: Config, table: pa.Table) -> pa.Table:
    """A table of users or items without the rows whose id, the first column, lost digits."""
    short = shortened_rows(config, table[0], pc.unique(table[0]).drop_null())
    return table.filter(pa.array(~short)) if short.any() else table


def left_out_words(config: Config, users: pa.Table, items: pa.Table) -> tuple[str, ...]:
    """How many rows of the delivered tables that leaves out, and the first of their ids."""
    tables = {"items": items} if config.source.has_items_table else {}
    tables |= {"users": users} if has_users_table(config) else {}
    found = []
    for name, table in sorted(tables.items()):
        column = f"{name[:-1]}_id"
        quoted = [text for text in shortened_words(config, table[column], column) if text]
        if quoted:
            found.append(
                f"{len(quoted):,} of {table.num_rows:,} {name}, e.g. {quoted[0]}, are in no list;"
                " deliver ids as text, or set validation.allow_shortened_ids: true"
            )
    return tuple(found)


def _quote(text: str, column: str) -> str:
    """A number that stands for several users names none of them."""
    whole = column == "user_id" and not _lost_digits(text)
    return hashed_user(text) if whole else repr(text[:60])


def _lost_digits(text: str) -> bool:
    return not text.rstrip("0").endswith(".")


def _flat(ids: Any) -> pa.Array:
    return ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
