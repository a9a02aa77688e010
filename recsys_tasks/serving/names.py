"""Names of the candidate generators and reasons whose numbers list rows hold.

The views decode rows by the tables `recsys.source_names` and `recsys.reason_names`. A number keeps
its meaning for ever, so that older publications decode as they were made.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from recsys_tasks import schema
from recsys_tasks.errors import ConfigError

_SOURCES = sa.text("SELECT n.bit, n.name FROM recsys.source_names AS n")
_REASONS = sa.text("SELECT n.code, n.name FROM recsys.reason_names AS n")
_ADD = sa.text("SELECT recsys.add_names(:bits, :sources, :reasons)")


def add_names(connection: Connection) -> None:
    """Add the names that are new to this database: those of a plug-in's generator, say.

    Raises ConfigError when a number has another name there.
    """
    ours = {bit: name for name, bit in schema.generator_bits().items()}
    reasons = dict(enumerate(schema.REASONS))
    known: dict[int, str] = {name: value for name, value in connection.execute(_SOURCES)}
    known_reasons: dict[int, str] = {name: value for name, value in connection.execute(_REASONS)}
    _require_same("candidate generator of bit", ours, known)
    _require_same("reason of code", reasons, known_reasons)
    if ours.keys() <= known.keys() and reasons.keys() <= known_reasons.keys():
        return
    values = {"bits": list(ours), "sources": list(ours.values()), "reasons": list(reasons.values())}
    connection.execute(_ADD, values)


def _require_same(what: str, ours: dict[int, str], known: dict[int, str]) -> None:
    numbers = {name: number for number, name in known.items()}
    for number, name in ours.items():
        if known.get(number, name) != name or numbers.get(name, number) != number:
            there = known[number] if number in known else f"{name} is {numbers[name]}"
            raise ConfigError(
                expected=f"{what} {number}: {name}",
                found=f"{there}, and publications that hold it are decoded so",
                where="recsys.source_names" if "bit" in what else "recsys.reason_names",
                remedy="give the new one a number that no other has had, and the old one its own",
            )
