"""How the numbers of a CSV table are written: signs before the fraction and between thousands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.sources.columns import is_text

_MOST: Final = 0.99
_COMMA: Final = r"^-?[0-9]+,[0-9]+$"
_POINT: Final = r"^-?[0-9]+\.[0-9]+$"
_NUMBER: Final = r"^-?[0-9]+(,[0-9]+)?$"
_SIGNS: Final = ((",", "."), (".", ","), (" ", ","), (" ", "."), ("'", "."), ("'", ","))
"""(between thousands, before the fraction), as numbers are written."""
_BLANKS: Final = "[ \u00a0\u202f\u2009]"


class Signs(NamedTuple):
    """What a table's numbers show; None: none of them has such a sign."""

    decimal: str | None = None
    thousands: str | None = None
    doubt: str = ""
    """Of the sign between thousands: why it may be another one; empty: it is certain."""


def share(column: pa.ChunkedArray, pattern: str) -> float:
    """Share of a column's values, missing ones left out, that a pattern fits."""
    given = column.drop_null()
    return float(pc.mean(pc.match_substring_regex(given, pattern)).as_py() or 0.0)


def signs_of(rows: pa.Table) -> Signs:
    """The signs of a CSV table's numbers."""
    texts = [column for column in rows.columns if is_text(column.type)]
    found = [signs for column in texts if (signs := _grouped(column)) is not None]
    decimal = _decimal_of(texts)
    for signs in sorted(found, key=lambda one: bool(one.doubt)):
        other = {",": ".", ".": ","}.get(signs.thousands or "")
        if not signs.doubt:
            return Signs(signs.decimal or other or decimal, signs.thousands)
        if decimal == other:  # another column shows what stands before fractions
            return Signs(decimal, signs.thousands)
        if decimal is None or not _has_fractions(texts, decimal):
            return Signs(other, signs.thousands, signs.doubt)
    return Signs(decimal)


def _grouped(column: pa.ChunkedArray) -> Signs | None:
    """The signs under which nearly all values are numbers and some have thousands apart."""
    for thousands, decimal in _SIGNS:
        between, point = _BLANKS if thousands == " " else re.escape(thousands), re.escape(decimal)
        group = rf"[0-9]{{1,3}}({between}[0-9]{{3}})+"
        if share(column, rf"^-?({group}|[0-9]+)({point}[0-9]+)?$") < _MOST:
            continue
        if not share(column, rf"^-?{group}({point}[0-9]+)?$"):
            continue
        both = share(column, rf"^-?{group}{point}[0-9]+$")
        twice = share(column, rf"^-?[0-9]{{1,3}}({between}[0-9]{{3}}){{2,}}({point}[0-9]+)?$")
        fractions = share(column, rf"{point}[0-9]+$")
        if not both and not _counts(column, between):
            continue
        if both or twice or fractions or thousands in " '":
            return Signs(decimal if fractions else None, thousands)
        if (doubt := _doubt(column, between)) is not None:
            return Signs(None, thousands, doubt)
    return None


def _counts(column: pa.ChunkedArray, between: str) -> bool:
    """Whether groups of digits can be those of one number: `101,102` are two ids of three digits,
    where no value begins with fewer and no group with a nought.
    """
    pattern = rf"^-?[0-9]{{1,2}}{between}|{between}0[0-9]{{2}}"
    return share(column, pattern) > 0


def _doubt(column: pa.ChunkedArray, between: str) -> str | None:
    """Of whole numbers with one sign and three digits behind it, beside others below a thousand:
    both in words. None where no value is without the sign: it stands before a fraction then.
    """
    known = column.drop_null()
    has = pc.match_substring_regex(known, between)
    small = known.filter(pc.invert(has))
    if not len(small) or share(small, r"^-?[0-9]{1,3}$") < 1:
        return None
    large = known.filter(has)
    return (
        f"{large[0].as_py()!r} beside {small[0].as_py()!r}: is that a thousand and more, or a"
        " number with a fraction?"
    )


def _has_fractions(texts: list[pa.ChunkedArray], sign: str | None) -> bool:
    """Whether a column has fractions by a sign, of other than three digits: no thousands."""
    if sign is None:
        return False
    pattern = rf"^-?[0-9]+{re.escape(sign)}([0-9]{{1,2}}|[0-9]{{4,}})$"
    return any(share(one, pattern) > 0 for one in _numbers(texts))


def _numbers(texts: list[pa.ChunkedArray]) -> Iterator[pa.ChunkedArray]:
    for column in texts:
        if share(column, r"^-?[0-9]+([.,][0-9]+)?$") >= _MOST:
            yield column


def _decimal_of(texts: list[pa.ChunkedArray]) -> str | None:
    """Sign before the fraction of the numbers: a comma where a column of numbers has one and none
    has a point; None where no number has a fraction.
    """
    if any(share(column, _POINT) >= _MOST for column in texts):
        return "."
    commas = [c for c in texts if share(c, _NUMBER) >= _MOST and share(c, _COMMA) > 0]
    return "," if commas else None
