"""The JSON Schema for editors takes what the settings take, and refuses typing mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from recsys_tasks.commands.settings_reference import json_schema
from recsys_tasks.config import PROJECT_ROOT

INCLUDE = PROJECT_ROOT / "include"
SETTINGS = [INCLUDE / "recsys.yaml", *sorted((INCLUDE / "examples").glob("*.yaml"))]


def mistakes(settings: Any) -> list[str]:
    schema = json.loads(json_schema())
    Draft202012Validator.check_schema(schema)
    return [error.json_path for error in Draft202012Validator(schema).iter_errors(settings)]


@pytest.mark.parametrize("path", SETTINGS, ids=lambda path: path.stem)
def test_every_settings_file_that_comes_with_the_project_is_valid(path: Path) -> None:
    assert mistakes(yaml.safe_load(path.read_text())) == []


def test_a_typing_mistake_is_found_where_it_is() -> None:
    settings = yaml.safe_load((INCLUDE / "recsys.yaml").read_text())
    assert mistakes({**settings, "two_tower": {"dimension": 64}}) == ["$.two_tower"]
    assert mistakes({**settings, "serving": {"k": "many"}}) == ["$.serving.k"]
    assert mistakes({**settings, "source": {"kind": "shop", "user": 1}}) == ["$.source"]


def test_every_setting_has_its_description() -> None:
    schema = json.loads(json_schema())
    parts = {"the top level": schema, **schema["$defs"]}
    bare = [
        f"{name}.{key}"
        for name, part in parts.items()
        for key, setting in part.get("properties", {}).items()
        if not {"description", "$ref"} & setting.keys() and key != "kind"
    ]
    assert bare == []


def test_the_schema_beside_the_settings_file_is_current() -> None:
    first = (INCLUDE / "recsys.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=recsys.schema.json"
    assert (INCLUDE / "recsys.schema.json").read_text() == json_schema(), (
        "run: recsys config schema > include/recsys.schema.json"
    )
