"""No setting is inert: code outside the settings' own room reads each of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from recsys_tasks.commands.settings_reference import settings_sections
from recsys_tasks.config import PROJECT_ROOT
from recsys_tasks.errors import ConfigError
from tests.worlds import make_config

READ_BY_NAME = {
    "generators": "a quota is read by its generator's name: getattr(config.generators, name)",
    "bought_by": "read as the kinds' codes: config.bought_codes",
    "plugins": "plug-ins, which are outside this repository, read their own block",
}
"""Settings that no attribute in the code names, and who reads them."""


def attributes_read() -> frozenset[str]:
    """Names that are read as attributes anywhere but in `recsys_tasks/config`."""
    return frozenset(
        node.attr
        for folder in ("recsys_tasks", "plugins", "dags")
        for path in (PROJECT_ROOT / folder).rglob("*.py")
        if not path.is_relative_to(PROJECT_ROOT / "recsys_tasks" / "config")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    )


def settings() -> Iterator[tuple[str, str]]:
    """The section and the key of each setting."""
    model: type[BaseModel]
    for model, section in settings_sections():
        yield from ((section, key) for key in model.model_fields)


def test_every_setting_is_read_by_code_outside_the_settings() -> None:
    read = attributes_read()
    inert = [
        f"{section}.{key}"
        for section, key in settings()
        if key not in read and not {section, key} & READ_BY_NAME.keys()
    ]
    assert inert == []


def test_what_is_read_by_name_is_a_setting() -> None:
    assert READ_BY_NAME.keys() <= {name for setting in settings() for name in setting}


def test_a_setting_that_was_inert_is_refused_with_the_line_to_delete() -> None:
    with pytest.raises(ConfigError) as refused:
        make_config(two_tower={"user_history": "pooled"})
    assert "two_tower.user_history: the history is always pooled" in refused.value.found
    assert "delete the line" in refused.value.found


@pytest.mark.parametrize(
    ("section", "key", "largest"),
    [("serving", "k", 1000), ("serving", "spares", 1000), ("two_tower", "dimensions", 4096)],
)
def test_a_size_that_no_machine_holds_is_refused(section: str, key: str, largest: int) -> None:
    assert getattr(getattr(make_config(**{section: {key: largest}}), section), key) == largest
    with pytest.raises(ConfigError, match=f"{section}.{key}: .* less than or equal to {largest}"):
        make_config(**{section: {key: largest + 2}})
