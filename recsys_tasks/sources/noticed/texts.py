"""Texts that nobody would write: characters that cannot be seen, letters of another encoding, words
that a spreadsheet shows in place of a value, and values that differ in case or blanks alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

_CONTROL: Final = "\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"
_UNSEEN: Final = f"[{_CONTROL}\u200b\u2060\ufeff\u202d\u202e]"
"""In texts that people read: joiners and marks of direction belong to some languages."""
_UNSEEN_IN_IDS: Final = (
    f"[{_CONTROL}\u0009\u000a\u000d\u00ad\u200b-\u200f\u2060\ufeff\u2028\u2029\u202a-\u202e"
    "\u2066-\u2069]"
)
_ERROR_WORDS: Final = (
    *("#N/A", "#N/A N/A", "#NA", "#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!"),
    *("#SPILL!", "#CALC!", "#FIELD!", "#GETTING_DATA", "#NV", "#BEZUG!", "#WERT!", "#ZAHL!"),
    *("#N/D", "#VALEUR!", "#NOMBRE!", "#REF", "#VALUE", "#ERROR!", "#####"),
)
_DAMAGE: Final = (
    ("a sign that stands for a lost letter", "\ufffd"),
    (
        "letters of UTF-8 that were read as another encoding",
        "Ã[\u0080-\u00bf\u0152-\u0178\u2013-\u2122]|â€[\u2013-\u2122\u0080-\u00bf\u0153]|Â[\u00a0-\u00bf]",
    ),
    (
        "HTML",
        r"&(amp|quot|apos|lt|gt|nbsp|[aeiou](acute|grave|uml|circ)|#[0-9]{2,5});|</[a-zA-Z]+>",
    ),
)
_NULL_WORDS: Final = (
    *(
        "nan",
        "NaN",
        "NULL",
        "null",
        "None",
        "NaT",
        "undefined",
        "(null)",
        "<NA>",
        "<null>",
        "[NULL]",
    ),
    *("\\N", "N/A", "n/a", "NONE", "Null", "(none)", "(blank)", "<null>", "[NULL]"),
)
_QUOTED, _MOST = 2, 40


def unseen_words(column: pa.ChunkedArray, name: str) -> Iterator[str]:
    """Words on values with characters that cannot be seen; of ids the characters alone are
    quoted, for an id may name a user.
    """
    is_id = name.endswith("_id")
    pattern = _UNSEEN_IN_IDS if is_id else _UNSEEN
    found = _matching(column, pattern)
    if not len(found):
        return
    texts = pc.unique(found).slice(0, 1000).to_pylist()
    if is_id:
        signs = sorted({sign for text in texts for sign in re.findall(pattern, text)})
        quoted = ", ".join(map(ascii, signs[:5]))
    else:
        quoted = ", ".join(ascii(text[:_MOST]) for text in texts[:_QUOTED])
    yield f"{name}: {len(found):,} values hold characters that cannot be seen ({quoted})"


def damaged_words(column: pa.ChunkedArray, name: str) -> Iterator[str]:
    """Words on values that are no text of the shop's."""
    is_error = pc.is_in(column, value_set=pa.array(_ERROR_WORDS))
    if errors := pc.sum(is_error).as_py():
        word = column.filter(is_error)[0].as_py()
        yield (
            f"{name}: {errors:,} values are {word!r}, which a spreadsheet shows in place of one;"
            " name it in source.null_words"
        )
    if name.endswith("_id"):  # words for a missing id have a check of their own
        return
    is_word = pc.is_in(column, value_set=pa.array(_NULL_WORDS))
    if words := pc.sum(is_word).as_py():
        word = column.filter(is_word)[0].as_py()
        yield f"{name}: {words:,} values are {word!r}, as a text; name it in source.null_words"
    for what, pattern in _DAMAGE:
        found = _matching(column, pattern)
        if len(found):
            quoted = ", ".join(
                repr(text[:_MOST]) for text in pc.unique(found)[:_QUOTED].to_pylist()
            )
            yield f"{name}: {len(found):,} values hold {what} ({quoted})"


def alike_ids(ids: pa.Array, name: str) -> Iterator[str]:
    """Words on different ids that are one but for blanks, characters that cannot be seen, the form
    of their letters, or case. Users are not quoted.
    """
    plain = _plain(ids)
    twins = ids.filter(_shared(plain))
    if len(twins):
        yield (
            f"{name}: {len(twins):,} ids differ from another in blanks, characters that cannot be"
            f" seen or the form of letters alone{_pair(twins, _plain(twins), name)}; deliver each"
            " in one form"
        )
    once = pc.unique(plain)
    by_case = once.filter(_shared(pc.utf8_lower(once)))
    if len(by_case):
        quoted = _pair(by_case, pc.utf8_lower(by_case), name)
        yield (
            f"{name}: {len(by_case):,} ids differ from another in case alone{quoted}; if two are"
            " one, deliver them in one case"
        )


def alike_values(column: pa.ChunkedArray, name: str, separator: str | None) -> Iterator[str]:
    """Words on different values of a column that are one but for case and blanks."""
    values = pc.unique(column.drop_null())
    if separator is not None:
        values = pc.unique(pc.list_flatten(pc.split_pattern(values, separator)))
    folded = pc.utf8_lower(_plain(values))
    twins = values.filter(_shared(folded))
    if len(twins):
        quoted = _pair(twins, pc.utf8_lower(_plain(twins)), name)
        yield f"{name}: {len(twins):,} values differ from another in case or blanks alone{quoted}"


def _matching(column: pa.ChunkedArray, pattern: str) -> Any:
    return column.filter(pc.fill_null(pc.match_substring_regex(column, pattern), False))


def _plain(texts: Any) -> Any:
    bare = pc.replace_substring_regex(texts, _UNSEEN_IN_IDS, "")
    return pc.utf8_trim_whitespace(pc.utf8_normalize(bare, "NFC"))


def _shared(folded: Any) -> Any:
    """`[n] bool`: whether another text is the same."""
    counted = pc.value_counts(folded)
    several = counted.field("values").filter(pc.greater(counted.field("counts"), 1))
    return pc.is_in(folded, value_set=several)


def _pair(twins: Any, folded: Any, name: str) -> str:
    """The first two that are alike, as the end of a sentence."""
    if name.endswith("user_id"):
        return ""
    same = twins.filter(pc.equal(folded, folded[0]))[:_QUOTED].to_pylist()
    return f", e.g. {' and '.join(ascii(text[:_MOST]) for text in same)}"
