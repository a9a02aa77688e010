"""Ids that lost digits on their way: a spreadsheet keeps 15 digits of a number and shows six, a
float keeps 53 bits. Several ids are one then, and nothing in the rows tells them apart again.

A number with an exponent is none of the shop's ids, whatever the others are. Noughts at the end
are, in one id of ten: how many of the ids have them says whether they are a spreadsheet's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from recsys_tasks.sources.columns import EXACT_FLOAT

_EXPONENT: Final = (
    r"^\s*[+-]?[0-9]([.,][0-9]+)?E\+[0-9]{2,3}\s*$"
    r"|^\s*[+-]?[0-9][.,][0-9]+e\+[0-9]{2,3}\s*$"
    r"|^\s*[+-]?[0-9][.,][0-9]+[eE]-?[0-9]{1,3}\s*$"
)
"""`4.00638E+12`, `1,00E+05`, `1E+05`, `4.00638E12`; not `1e5` or `7E10`, which may be ids, and not
`9e+05`, as R writes 900000 and no other number: no digit is lost in it.
"""
_FRACTION: Final = r"^-?[0-9]+\.0+$"
_LONG: Final = r"^[1-9][0-9]{11,38}$"
_SHOWN, _KEPT = 6, 15
"""Digits that a spreadsheet shows of a long number, and keeps of any."""
_LOOKED_AT: Final = 50_000
_UNLIKELY: Final = 1e-4
"""By chance alone this many ids end so in one night of ten thousand."""
_FEWEST_FLOATS, _SHARE = 20, 0.25
_QUOTED: Final = 3
_FLOAT: Final = int(EXACT_FLOAT[64])


def shortened(ids: pa.ChunkedArray) -> Any:
    """`[n] bool`: ids that lost digits, by all of these ids; null where missing is false."""
    short = pc.match_substring_regex(ids, _EXPONENT)
    rounded = _rounded(ids)
    if rounded:
        short = pc.or_(short, pc.is_in(ids, value_set=pa.array(rounded, pa.string())))
    return pc.fill_null(short, False)


def fraction_twins(ids: pa.ChunkedArray, known: pa.Array) -> Any:
    """`[n] bool`: whole numbers with a fraction, `123.0`, of which `known` has the one without."""
    has = pc.fill_null(pc.match_substring_regex(ids, _FRACTION), False)
    if not pc.any(has).as_py():
        return has
    whole = pc.replace_substring_regex(ids, r"\.0+$", "")
    return pc.and_(has, pc.fill_null(pc.is_in(whole, value_set=known), False))


def short_id_words(ids: pa.ChunkedArray) -> str:
    """How many of these ids lost digits, as delivered; of `123.0` beside `123`, how many there are,
    for such an id may name a user. Empty where none did.
    """
    short = ids.filter(shortened(ids))
    twins = pc.sum(fraction_twins(ids, pc.unique(ids).drop_null())).as_py() or 0
    words = []
    if len(short):
        quoted = ", ".join(map(repr, pc.unique(short).slice(0, _QUOTED).to_pylist()))
        words.append(f"{len(short):,} of {len(ids):,} ids lost digits in a spreadsheet or a float:")
        words[0] += f" {quoted}; export them as text"
    if twins:
        words.append(f"{twins:,} whole numbers have a fraction ('.0') and stand without it, too")
    return "; ".join(words)


def _rounded(ids: pa.ChunkedArray) -> list[str]:
    """Those of the ids that end in the noughts, or are the multiples, that rounding leaves."""
    long = ids.filter(pc.match_substring_regex(ids, _LONG))
    texts: list[str] = pc.unique(long).slice(0, _LOOKED_AT).to_pylist()
    if not texts:
        return []
    return [*_shown_digits(texts), *_kept_digits(texts), *_of_floats(texts)]


def _shown_digits(texts: Sequence[str]) -> list[str]:
    """Ids of six digits and noughts, where most are such. A few may be round by choice: the first
    of a series, or one of three digits for a department.
    """
    digits = {text: len(text.rstrip("0")) for text in texts}
    short = [text for text in texts if digits[text] <= _SHOWN]
    full = sum(digits[text] >= _SHOWN - 1 for text in short)
    return short if 2 * len(short) >= len(texts) and 2 * full > len(short) else []


def _kept_digits(texts: Sequence[str]) -> list[str]:
    """Ids of 15 digits and noughts, where chance does not make as many."""
    beyond = [text for text in texts if len(text) > _KEPT]
    short = [text for text in beyond if len(text.rstrip("0")) <= _KEPT]
    # of numbers that count in thousands the fifteenth digit is a nought, too
    full = sum(len(text.rstrip("0")) == _KEPT for text in short)
    by_chance = sum(10.0 ** (_KEPT - len(text)) for text in beyond)
    if not short or 2 * full < len(short):
        return []
    return short if _tail(len(short), by_chance, len(beyond)) <= _UNLIKELY else []


def _tail(found: int, expected: float, of: int) -> float:
    """Chernoff's bound of the chance of `found` or more among `of` where `expected` are usual; of
    a single one, its chance.
    """
    if found <= expected:
        return 1.0
    if found == 1:
        return expected
    share, usual = found / of, expected / of
    more = share * math.log(share / usual)
    rest = (1 - share) * math.log((1 - share) / (1 - usual)) if share < 1 else 0.0
    return math.exp(-of * (more + rest))


def _of_floats(texts: Sequence[str]) -> list[str]:
    """Ids beyond 2^53 that are all numbers which a float can be, and no rounder than those are."""
    beyond = {text: number for text in texts if (number := int(text)) > _FLOAT}
    if len(beyond) < _FEWEST_FLOATS or any(int(float(n)) != n for n in beyond.values()):
        return []
    steps = [1 << (number.bit_length() - 53) for number in beyond.values()]
    odd = sum(n // step % 2 for n, step in zip(beyond.values(), steps, strict=True))
    return list(beyond) if odd >= _SHARE * len(beyond) else []
