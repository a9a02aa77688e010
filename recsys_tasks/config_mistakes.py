"""What is wrong with a settings file, in words that say what to write instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic_core import ErrorDetails

from recsys_tasks.errors import ConfigError


def mistake_words(error: ErrorDetails) -> str:
    """One mistake in words; with what to write instead, where that is not plain from them."""
    given, kind = error["input"], error["type"]
    if kind == "string_pattern_mismatch":
        words = f"{given!r} has other signs than lower-case letters, digits and _, or does not begin with a letter"
        if "attributes" in error["loc"]:
            plain = re.sub(r"[^a-z0-9]+", "_", str(given).lower()).strip("_")
            words += f"; a column of any name is read by {{name: {plain}, column: {given!r}, kind: ...}}"
        return words
    if kind == "string_type" and isinstance(given, bool | int | float | date):
        return f"{given!r} is no text: write it in quotes, '{given}'"
    return error["msg"].removeprefix("Value error, ")


def refuse_unstorable(raw: Any, where: str, path: str = "") -> None:
    """No text of the settings may hold what neither PostgreSQL nor a file could keep. Raises ConfigError."""
    if isinstance(raw, Mapping):
        for key, value in raw.items():
            refuse_unstorable(str(key), where, path or "settings")
            refuse_unstorable(value, where, f"{path}.{key}" if path else str(key))
    elif isinstance(raw, list | tuple):
        for number, value in enumerate(raw):
            refuse_unstorable(value, where, f"{path}.{number}")
    elif isinstance(raw, str) and re.search("[\x00\ud800-\udfff]", raw):
        raise ConfigError(
            expected="text without NUL and without half a character (a lone surrogate)",
            found=ascii(raw),
            where=f"{where}, {path}",
            remedy="write the text anew, without \\0 and \\u escapes",
        )
