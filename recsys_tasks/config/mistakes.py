"""What is wrong with a settings file, in words that say what to write instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import yaml
from pydantic_core import ErrorDetails

from recsys_tasks.errors import ConfigError


class _Loader(yaml.SafeLoader):
    """Refuses what YAML takes without a word: a key that is there twice, and a value that holds
    itself.
    """

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:  # 30 February, or a number of thousands of digits
            raise yaml.MarkedYAMLError(problem=str(error), problem_mark=node.start_mark) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge" or not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"{key.value!r} is there twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        made: dict[Any, Any] = super().construct_mapping(node, deep)
        return made


def read_yaml(text: str) -> Any:
    """A document's value. Raises yaml.YAMLError, ValueError, RecursionError."""
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        _refuse_rings(root, (), set())
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _refuse_rings(node: yaml.Node, above: tuple[yaml.Node, ...], fine: set[int]) -> None:
    if id(node) in fine:
        return
    if any(node is one for one in above):
        raise yaml.MarkedYAMLError(
            problem="a value that holds itself", problem_mark=node.start_mark
        )
    if isinstance(node, yaml.SequenceNode):
        children = node.value
    else:
        children = (
            [part for pair in node.value for part in pair]
            if isinstance(node, yaml.MappingNode)
            else []
        )
    for child in children:
        _refuse_rings(child, (*above, node), fine)
    fine.add(id(node))


_FORMER = {
    ("two_tower", "user_history"): "the history is always pooled, and the setting changed nothing",
}
"""Settings that were and are no more, and why nothing is lost without them."""


def mistake_words(error: ErrorDetails) -> str:
    """One mistake in words; with what to write instead, where that is not plain from them."""
    given, kind = error["input"], error["type"]
    if kind == "extra_forbidden" and error["loc"] in _FORMER:
        return f"{_FORMER[error['loc']]}: delete the line"
    if kind == "string_pattern_mismatch":
        words = (
            f"{given!r} has other signs than lower-case letters, digits and _, or does not begin"
            " with a letter"
        )
        if "attributes" in error["loc"]:
            plain = re.sub(r"[^a-z0-9]+", "_", str(given).lower()).strip("_")
            words += (
                f"; a column of any name is read by {{name: {plain}, column: {given!r}, kind: ...}}"
            )
        return words
    if kind == "string_type" and isinstance(given, bool | int | float | date):
        return f"{given!r} is no text: write it in quotes, '{given}'"
    return error["msg"].removeprefix("Value error, ")


def refuse_unstorable(raw: Any, where: str, path: str = "") -> None:
    """No text of the settings may hold what neither PostgreSQL nor a file could keep. Raises
    ConfigError.
    """
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
