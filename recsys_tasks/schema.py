"""Every table that crosses a stage, named once: its grain, columns, types and unique key."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.config import Attribute, Config
from recsys_tasks.config.generators import GENERATORS, Declaration
from recsys_tasks.errors import ConfigError, SchemaError, offenders

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Table:
    """A table's contract."""

    name: str
    grain: str
    schema: pa.Schema
    unique: tuple[str, ...] = ()

    def check(self, table: pa.Table, where: str) -> pa.Table:
        """The table with its columns in contract order. Raises SchemaError on any difference."""
        missing = [n for n in self.schema.names if n not in table.column_names]
        wrong = [
            f"{f.name} is {table.schema.field(f.name).type}, not {f.type}"
            for f in self.schema
            if f.name in table.column_names and table.schema.field(f.name).type != f.type
        ]
        if missing or wrong:
            raise SchemaError(
                expected=f"{self.name}: {self.grain} ({', '.join(self.schema.names)})",
                found="; ".join([f"missing {offenders(missing)}"] * bool(missing) + wrong),
                where=where,
                remedy="rerun the stage that writes this table",
            )
        table = table.select(self.schema.names)
        if self.unique:
            groups = table.group_by(list(self.unique)).aggregate([([], "count_all")])
            repeated = groups.num_rows < table.num_rows
            if repeated:
                worst = groups.filter(pc.greater(groups["count_all"], 1)).slice(0, 5).to_pylist()
                raise SchemaError(
                    expected=f"{self.name}: one row per {', '.join(self.unique)}",
                    found=f"{table.num_rows - groups.num_rows} repeated rows, e.g. {worst}",
                    where=where,
                    remedy="remove the duplicates in the stage that writes this table",
                )
        return table


EVENTS = Table(
    "events",
    "one row per interaction of a user with an item, sorted by user, time, item",
    pa.schema(
        [
            ("user_key", pa.int32()),
            ("item_key", pa.int32()),
            ("ts", pa.int64()),  # UTC seconds
            ("event", pa.int8()),  # index into config.events.kinds
            ("price", pa.float32()),  # currency, NaN when unknown
            ("quantity", pa.float32()),  # units, NaN when unknown
        ]
    ),
)

RAW_EVENTS = Table(
    "raw_events",
    "one row per interaction as the shop delivered it, for one UTC day",
    pa.schema(
        [
            ("user_id", pa.string()),
            ("item_id", pa.string()),
            ("ts", pa.int64()),  # UTC seconds
            ("event", pa.string()),
            ("price", pa.float64()),
            ("quantity", pa.float64()),  # of a showing: its place, from 1
        ]
    ),
)

DELIVERED_EVENTS = Table(
    "delivered events",
    "one row per interaction as a source gives it, with the text of its time where that is none",
    pa.schema([*RAW_EVENTS.schema, ("ts_fault", pa.string())]),
)

IMPRESSIONS = Table(
    "impressions",
    "one row per showing of an item to a user, sorted by user, time, item",
    pa.schema(
        [
            ("user_key", pa.int32()),
            ("item_key", pa.int32()),
            ("ts", pa.int64()),
            ("position", pa.float32()),
        ]
    ),
)


def attribute_fields(attributes: Sequence[Attribute]) -> list[tuple[str, pa.DataType]]:
    """Declared attributes as columns: numeric is float64, a vector so many float32, all others are
    text.
    """
    return [(a.name, _column_type(a)) for a in attributes]


def _column_type(attribute: Attribute) -> pa.DataType:
    if attribute.dimensions is not None:
        return vector_type(attribute.dimensions)
    return pa.float64() if attribute.kind == "numeric" else pa.string()


def vector_type(dimensions: int) -> pa.DataType:
    """A supplied vector: 4 bytes a number, null where the item has none."""
    return pa.list_(pa.float32(), dimensions)


def delivered_vector_type(dimensions: int) -> pa.DataType:
    """A vector as the shop delivered it: null where it is missing or of no use, and in words why it
    is of none.
    """
    return pa.struct([("numbers", vector_type(dimensions)), ("fault", pa.string())])


def _further(fields: list[tuple[str, pa.DataType]]) -> list[tuple[str, pa.DataType]]:
    """Without `title`: declared as an attribute (its words are learned), it is the title column
    itself.
    """
    return [(name, kind) for name, kind in fields if name != "title"]


ITEM_FAULTS = ("available_from_fault", "available_fault", "available_until_fault")
"""What the shop delivered where the column's value cannot be read; null elsewhere."""


ITEM_END = "available_until"
"""UTC second from which an item can no longer be had; of delivered items alone, where declared."""


def raw_users(config: Config) -> Table:
    """Users as the shop delivered them."""
    fields = [("user_id", pa.string()), *attribute_fields(config.users.attributes)]
    return Table("raw_users", "one row per user", pa.schema(fields))


def raw_items(config: Config) -> Table:
    """Items as the shop delivered them; `available_from` in UTC seconds or null, with what was no
    time or flag and why a vector is of no use."""
    delivered = {
        a.name: delivered_vector_type(a.dimensions)
        for a in config.items.vector_attributes
        if a.dimensions
    }
    ends = config.items.available_until_column is not None
    fields = [
        ("item_id", pa.string()),
        ("title", pa.string()),
        ("available_from", pa.int64()),
        ("available", pa.bool_()),
        *(
            (name, delivered.get(name, kind))
            for name, kind in _further(attribute_fields(config.items.attributes))
        ),
        *([(ITEM_END, pa.int64()), (ITEM_FAULTS[2], pa.string())] if ends else []),
        *((name, pa.string()) for name in ITEM_FAULTS[:2]),
    ]
    return Table("raw_items", "one row per item", pa.schema(fields))


def users(config: Config) -> Table:
    """Users of a snapshot, every known key, sorted by key."""
    fields = [
        ("user_key", pa.int32()),
        ("user_id", pa.string()),
        *attribute_fields(config.users.attributes),
    ]
    return Table("users", "one row per user", pa.schema(fields), ("user_key",))


def items(config: Config, *, vectors: bool = True) -> Table:
    """Items of a snapshot, sorted by key, or all of them but the `vectors`; `available_from` in UTC
    seconds.
    """
    attributes = config.items.attributes if vectors else config.items.value_attributes
    fields = [
        ("item_key", pa.int32()),
        ("item_id", pa.string()),
        ("title", pa.string()),
        ("available_from", pa.int64()),
        ("available", pa.bool_()),
        *_further(attribute_fields(attributes)),
    ]
    return Table("items", "one row per item", pa.schema(fields), ("item_key",))


REASONS = (
    "for_you",  # nearest to the user's taste
    "because_of",  # goes with `reason_item`
    "again",  # the user's own item, due again
    "popular",  # popular in the user's segment
    "trending",
    "new",
    "promoted",
)
"""Reason codes of a list entry; a row stores the index."""

LARGEST_BIT = 14
"""`sources` of a list row is a mask of 16 bits with a sign."""
_FIRST_INSTALLED_BIT = 8
"""Bits below are for generators that are built in."""


@cache
def generators() -> tuple[Declaration, ...]:
    """The candidate generators, built in and installed, in the order of their bits.

    Raises ConfigError for one whose name, bit or reason cannot be stored, and for two of one bit.
    """
    found = sorted(GENERATORS.found.values(), key=lambda one: one.extension.bit)
    taken: dict[int, str] = {}
    for one in found:
        generator, least = one.extension, _FIRST_INSTALLED_BIT if one.package else 0
        mistakes = [
            (not _NAME.fullmatch(generator.name), "a name of a-z, 0-9 and _, a letter first"),
            (generator.reason not in REASONS, f"a reason of {', '.join(REASONS)}"),
            (not least <= generator.bit <= LARGEST_BIT, f"a bit of {least} to {LARGEST_BIT}"),
            (generator.bit in taken, "a bit that no other generator has"),
        ]
        wrong = [words for is_wrong, words in mistakes if is_wrong]
        if wrong:
            raise ConfigError(
                expected=", ".join(wrong),
                found=(
                    f"name {generator.name!r}, reason {generator.reason!r}, bit {generator.bit}"
                    + (f", as {taken[generator.bit]}" if generator.bit in taken else "")
                ),
                where=f"candidate generator of {one.package or one.module}",
                remedy="correct its declaration, or uninstall the package",
            )
        taken[generator.bit] = generator.name
    return tuple(one.extension for one in found)


def generator_names() -> tuple[str, ...]:
    """Names of the generators, in the order of their bits: g runs over these in `Candidates`."""
    return tuple(one.name for one in generators())


def generator_bits() -> dict[str, int]:
    """Bit of each generator in the mask `sources` of a list row, in the order of bits.

    A bit keeps its meaning for ever, so lists that were published decode after others came and
    went; there are gaps where one was removed.
    """
    return {one.name: one.bit for one in generators()}


def all_sources() -> int:
    """The mask of all generators."""
    return sum(1 << one.bit for one in generators())


def reason_codes() -> list[int]:
    """Index into REASONS of each generator's reason, in the order of bits."""
    return [REASONS.index(one.reason) for one in generators()]


RUNGS = ("heavy", "light", "retrieval", "previous", "popularity")
"""Degradation ladder, best first; a row stores the index."""

LISTS = Table(
    "lists",
    "one row per user of a publication: parallel arrays of k + spares entries, best first",
    pa.schema(
        [
            ("user_key", pa.int32()),
            ("variant", pa.string()),
            ("rung", pa.int8()),
            ("items", pa.list_(pa.int32())),
            ("scores", pa.list_(pa.float32())),
            ("sources", pa.list_(pa.int16())),
            ("reasons", pa.list_(pa.int8())),
            ("reason_items", pa.list_(pa.int32())),  # item key, -1 when the reason needs none
            ("ranks_before", pa.list_(pa.int16())),  # 1-based rank before the re-rank
            ("propensities", pa.list_(pa.float32())),  # 1.0 for deterministic places
            ("short_reason", pa.string()),  # null when the list is full
        ]
    ),
    ("user_key",),
)
