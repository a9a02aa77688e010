"""Remarks on the texts of a night: ids, titles and attributes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.config import Config
from recsys_tasks.sources.noticed import texts
from recsys_tasks.sources.noticed.lists import separator_words, several_words

_MOST_IN_BOTH, _MOST_ALIKE, _QUOTED = 0.01, 0.2, 2


def text_remarks(
    config: Config, events: pa.Table, users: pa.Table, items: pa.Table
) -> dict[str, tuple[str, ...]]:
    """By the name of the night's check; `events` are RAW_EVENTS rows."""
    ids = {
        name: pc.unique(pa.chunked_array([*events[name].chunks, *table[name].chunks], pa.string()))
        for name, table in (("user_id", users), ("item_id", items))
    }
    ids = {name: one.drop_null() for name, one in ids.items()}
    columns = [(f"events.{name}", pa.chunked_array([one])) for name, one in ids.items()]
    for table, rows in (("items", items), ("users", users)):
        names = [n for n in rows.column_names[1:] if pa.types.is_string(rows.schema.field(n).type)]
        columns += [(f"{table}.{n}", rows[n]) for n in names if not n.endswith("_fault")]
    return {
        "alike_ids": tuple(chain(*(texts.alike_ids(one, name) for name, one in ids.items()))),
        "alike_values": tuple(_of_attributes(config, users, items)),
        "damaged_texts": _each(texts.damaged_words, columns),
        "ids_in_both": tuple(_in_both(ids["user_id"], ids["item_id"])),
        "same_titles": tuple(_same_titles(config, items)),
        "separators": tuple(_separators(config, users, items)),
        "unseen_characters": _each(texts.unseen_words, columns),
    }


def _each(say: object, columns: Sequence[tuple[str, pa.ChunkedArray]]) -> tuple[str, ...]:
    assert callable(say)
    return tuple(chain(*(say(column, name) for name, column in columns)))


def _of_attributes(config: Config, users: pa.Table, items: pa.Table) -> Iterator[str]:
    for table, rows, declared in (("items", items, config.items), ("users", users, config.users)):
        for one in declared.attributes:
            if one.kind in ("categorical", "multi") and one.name in rows.column_names:
                sign = one.separator if one.kind == "multi" else None
                yield from texts.alike_values(rows[one.name], f"{table}.{one.name}", sign)


def _separators(config: Config, users: pa.Table, items: pa.Table) -> Iterator[str]:
    for table, rows, declared in (("items", items, config.items), ("users", users, config.users)):
        for one in declared.attributes:
            if one.kind == "categorical" and one.name in rows.column_names:
                yield from several_words(rows[one.name], f"{table}.{one.name}")
            if one.kind == "multi" and one.name in rows.column_names:
                yield from separator_words(rows[one.name], f"{table}.{one.name}", one.separator)


def _same_titles(config: Config, items: pa.Table) -> Iterator[str]:
    """Words on items that share their title with another, where many do."""
    if config.items.title_column is None:
        return
    titles = pc.utf8_lower(pc.utf8_trim_whitespace(items["title"].drop_null()))
    counted = pc.value_counts(titles)
    several = counted.filter(pc.greater(counted.field("counts"), 1))
    shared = pc.sum(several.field("counts")).as_py() or 0
    if shared > _MOST_ALIKE * len(titles):
        yield (
            f"{shared:,} of {len(titles):,} items have the title of another, e.g."
            f" {several.field('values')[0].as_py()[:40]!r}; readers cannot tell them apart"
        )


def _in_both(users: pa.Array, items: pa.Array) -> Iterator[str]:
    """Words on ids that are a user's and an item's; numbers may well be both."""
    both = users.filter(pc.is_in(users, value_set=items))
    both = both.filter(pc.invert(pc.match_substring_regex(both, r"^[0-9]+$")))
    if len(both) > max(_QUOTED, _MOST_IN_BOTH * min(len(users), len(items))):
        yield (
            f"{len(both):,} ids are those of users and of items: are the two columns exchanged in a"
            " part of the delivery?"
        )
