"""What a file's first line says: its columns, another separator, or a row of data."""

from __future__ import annotations

import re

from recsys_tasks.errors import offenders

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_OF_TWO = ("::", "||", ";;", "  ")
_VALUE = re.compile(r"^\s*$|^[-+]?\d|[{}@]|^https?:")


def is_header(names: list[str], wanted: list[str], may_be_words: bool = False) -> bool:
    """Whether a first line can be a header. If not, it is a row of data, which messages never
    quote: it may name a user. Of a table whose rows may be words alone, only a line with a wanted
    name is taken for one.
    """
    known = {name.strip().lower() for name in wanted} & {name.strip().lower() for name in names}
    return bool(known) or not (may_be_words or any(_VALUE.search(name) for name in names))


def separator_hint(names: list[str], delimiter: str) -> str:
    """A hint for a file of one column whose name contains another separator; empty if there is no
    such sign.
    """
    if len(names) > 1 or not names:
        return ""
    if two := next((signs for signs in _OF_TWO if signs in names[0]), ""):
        return f"one column, whose name holds {two!r}: one sign separates values, not two or more"
    for sign, words in _SEPARATORS.items():
        if sign in names[0] and sign != delimiter:
            return f"one column, whose name holds {words}: write `source.delimiter: {sign!r}`"
    return ""


def header_words(names: list[str], wanted: list[str], may_be_words: bool = False) -> str:
    """The columns of the header in words, or that the header seems to be missing."""
    if is_header(names, wanted, may_be_words):
        return f"the file has {', '.join(map(repr, names))}"
    return (
        f"its first line, with {len(names)} values, looks like a row of data: is the header"
        " missing?"
    )


def repeated_names(names: list[str], wanted: list[str]) -> str:
    """The wanted columns that occur more than once, quoted; empty if each occurs once."""
    repeated = [name for name in wanted if names.count(name) > 1]
    return offenders(repeated) if repeated else ""
