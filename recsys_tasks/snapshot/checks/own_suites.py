"""Suites of the shop's own: Great Expectations' expectations in a file a table.

A file has the form that Great Expectations saves a suite in, as YAML or as JSON: `expectations`, a
list of `type`, `kwargs` and, if wanted, `severity` (critical stops the night, as without it;
warning and info do not).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from recsys_tasks.config import Config, config_hash
from recsys_tasks.config.mistakes import read_yaml
from recsys_tasks.errors import ConfigError, offenders
from recsys_tasks.sources.base import has_users_table

Entity = Literal["events", "users", "items"]
_SUFFIXES = (".yaml", ".yml", ".json")
TIMES = ("timestamp", "available_from")
"""Columns of times; a set of them would be compared as text."""
_NEEDS_SQL = ("unexpected_rows_expectation", "expect_query_results_to_match_comparison")
_FAILS = "expect_column_quantile_values_to_be_between"
"""Great Expectations cannot store its own result of it: it has numpy's booleans in it."""
_KEYS = frozenset(
    (
        "type",
        "kwargs",
        "severity",
        "notes",
        "meta",
        "id",
        "description",
        "rendered_content",
        "expectation_context",
    )
)
"""Of an expectation, as Great Expectations saves it."""
_MAPPINGS = ("partition_object", "json_schema", "quantile_ranges", "result_format", "row_condition")
"""Arguments that may be a mapping; elsewhere it would be a parameter, which nobody gives here."""
_NEEDS_ANOTHER = "expect_table_row_count_to_equal_other_table"


@dataclass(frozen=True)
class OwnSuite:
    """The expectations that one file declares of a table."""

    table: Entity
    path: Path
    expectations: tuple[Mapping[str, Any], ...]
    """Each with `type` and `kwargs`, as in the file."""


def own_suites(config: Config) -> list[OwnSuite]:
    """The suites of the folder `validation.own_suites`, checked; none where there is no folder.

    Raises ConfigError for a file of no table, one that cannot be read, and an expectation that
    Great Expectations does not know, that lacks an argument, or that names no column of the table.
    """
    suites: list[OwnSuite] = []
    for path in _files(config):
        table = _table_of(path, config)
        if any(suite.table == table for suite in suites):
            raise ConfigError(
                expected=f"one suite of {table}",
                found=f"{path.name} and another",
                where=str(path.parent),
                remedy="put their expectations into one file; then `recsys config check`",
            )
        suites.append(OwnSuite(table, path, tuple(_expectations(path))))
    for suite in suites:
        for place, declared in enumerate(suite.expectations, 1):
            _check(suite, place, declared, columns_of(config, suite.table))
    return suites


def suites_hash(config: Config) -> str:
    """Changes with any byte of the suites; empty without any. Raises ConfigError."""
    return "".join(config_hash(path.name, _text(path)) for path in _files(config))


def columns_of(config: Config, table: Entity) -> tuple[str, ...]:
    """Columns that expectations may name: ids, and what the settings declare, by its names there.

    A supplied vector is no value that an expectation could look at.
    """
    if table == "events":
        priced = ("price",) if config.events.price_column else ()
        counted = ("quantity",) if config.events.quantity_column else ()
        return ("user_id", "item_id", "timestamp", "event", *priced, *counted)
    if table == "users":
        return ("user_id", *(attribute.name for attribute in config.users.attributes))
    declared = {
        "title": config.items.title_column,
        "available_from": config.items.available_from_column,
        "available": config.items.available_column,
    }
    names = (name for name, column in declared.items() if column is not None)
    return tuple(
        dict.fromkeys(("item_id", *names, *(a.name for a in config.items.value_attributes)))
    )


def named_columns(declared: Mapping[str, Any]) -> tuple[str, ...]:
    """Columns that an expectation looks at, from the arguments that name one or several."""
    found: list[str] = []
    for name, value in declared["kwargs"].items():
        if name in ("column", "column_A", "column_B"):
            found.append(str(value))
        elif name in ("column_list", "column_set"):
            found += map(str, value or ())
    return tuple(found)


def _files(config: Config) -> list[Path]:
    name = config.validation.own_suites
    if name is None or config.folder is None or not (config.folder / name).is_dir():
        return []
    found = sorted((config.folder / name).iterdir())
    return [path for path in found if path.suffix in _SUFFIXES and not path.name.startswith(".")]


def _table_of(path: Path, config: Config) -> Entity:
    tables: dict[str, Entity] = {"events": "events", "items": "items"}
    if has_users_table(config):
        tables["users"] = "users"
    if path.stem in tables:
        return tables[path.stem]
    raise ConfigError(
        expected=f"suites of tables: {', '.join(f'{name}.yaml' for name in tables)}",
        found=path.name,
        where=str(path.parent),
        remedy="name the file after its table, or move it away; then `recsys config check`",
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise _mistake(path, "a file that can be read, in UTF-8", str(error)) from error


def _expectations(path: Path) -> Iterator[Mapping[str, Any]]:
    text = _text(path)
    try:
        read = json.loads(text) if path.suffix == ".json" else read_yaml(text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise _mistake(path, "a suite as YAML or JSON", " ".join(str(error).split())) from error
    listed = read.get("expectations") if isinstance(read, dict) else None
    if not isinstance(listed, list):
        found = f"keys {offenders(read)}" if isinstance(read, dict) else type(read).__name__
        raise _mistake(path, "`expectations`, a list", found)
    for place, declared in enumerate(listed, 1):
        if (
            not isinstance(declared, dict)
            or not isinstance(declared.get("type"), str)
            or not isinstance(declared.setdefault("kwargs", {}), dict)
        ):
            wanted = (
                "a `type` and its `kwargs`, such as {type: expect_table_row_count_to_be_between,"
            )
            raise _mistake(
                path, f"{wanted} kwargs: {{min_value: 1}}}}", repr(declared)[:200], place
            )
        yield declared


def _check(
    suite: OwnSuite, place: int, declared: Mapping[str, Any], columns: tuple[str, ...]
) -> None:
    # Here, because Great Expectations takes seconds to import.
    from great_expectations.exceptions import ExpectationNotFoundError

    from recsys_tasks.snapshot.checks.expectations import own_expectation

    if unknown := sorted(set(map(str, declared)) - _KEYS):
        wanted = "keys of an expectation: type, kwargs, severity, notes; arguments are in kwargs"
        raise _mistake(suite.path, wanted, offenders(unknown), place)
    refused = (*_NEEDS_SQL, _NEEDS_ANOTHER, _FAILS)
    if declared["type"] in refused or "like_pattern" in declared["type"]:
        wanted = "an expectation of the columns or the size of this table, without SQL or quantiles"
        raise _mistake(suite.path, wanted, declared["type"], place)
    try:
        own_expectation(declared, meta={})
    except ExpectationNotFoundError as error:
        raise _mistake(
            suite.path, "a type that Great Expectations has", declared["type"], place
        ) from error
    except (ValueError, TypeError) as error:
        words = " ".join(str(error).split())
        wanted = f"the arguments of {declared['type']}"
        raise _mistake(suite.path, wanted, words, place) from error
    if wrong := _wrong_argument(declared["kwargs"]):
        raise _mistake(suite.path, *wrong, place)
    unknown = [name for name in named_columns(declared) if name not in columns]
    if unknown or (unknown := _unknown_in_condition(declared["kwargs"], columns)):
        raise _mistake(
            suite.path, f"columns of {suite.table}: {', '.join(columns)}", offenders(unknown), place
        )


def _wrong_argument(kwargs: Mapping[str, Any]) -> tuple[str, str] | None:
    """(expected, found) of an argument that Great Expectations takes, and at night fails with."""
    for name, value in kwargs.items():
        if name == "value_set" and kwargs.get("column") in TIMES:
            return f"min_value and max_value of the times of {kwargs['column']}", name
        if isinstance(value, Mapping) and name not in _MAPPINGS:
            return f"a value as {name}", repr(value)[:200]
        for pattern in value if name == "regex_list" else [value] if name == "regex" else []:
            try:
                re.compile(pattern)
            except (re.error, TypeError) as error:
                return f"a regular expression as {name}", f"{pattern!r}: {error}"[:200]
    return None


def _unknown_in_condition(kwargs: Mapping[str, Any], columns: tuple[str, ...]) -> list[str]:
    """What a `row_condition` names that is no column, or the condition where it is no condition."""
    condition = kwargs.get("row_condition")
    if not isinstance(condition, str):
        return []
    import pandas as pd

    try:
        pd.DataFrame({name: pd.Series([], dtype=object) for name in columns}).query(condition)
    except (pd.errors.UndefinedVariableError, SyntaxError, ValueError) as error:
        return [f"row_condition {condition!r}: {error}"[:200]]
    return []


def _mistake(path: Path, expected: str, found: str, place: int | None = None) -> ConfigError:
    return ConfigError(
        expected=expected,
        found=found,
        where=f"{path}" + ("" if place is None else f", expectation {place}"),
        remedy="correct it (docs/how-to/own-checks.md), then `recsys config check`",
    )
