"""Every setting with its type, default and meaning: docs/reference/configuration.md, and a JSON
Schema for editors. Both are made from the settings classes and from the models of the sources.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, Field, create_model
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from recsys_tasks.config import Config, SourceSettings
from recsys_tasks.config.source import SOURCES

_TOP = "the top level"
_Model = type[BaseModel]


def json_schema() -> str:
    """A JSON Schema of the settings file, with the sources that are built in or installed here."""
    models = [source.settings for source in SOURCES]
    return json.dumps(_spelled_out(models).model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def field_reference() -> str:
    """docs/reference/configuration.md: a section for each settings class, with those of the
    built-in sources.
    """
    sections = settings_sections()
    links = {model: heading for model, heading in sections}
    lines = [
        "# Configuration",
        "",
        "Made by `recsys config docs` from `recsys_tasks/config/`; a test keeps it current.",
        "Unknown keys are refused. Editors with a YAML language server complete and check a file",
        "whose first line is that of `include/recsys.yaml`, by `include/recsys.schema.json`;",
        "`recsys config schema` prints that schema, with the sources of installed packages.",
        "",
    ]
    for model, heading in sections:
        lines += _section(model, heading, links)
    return "\n".join(lines)


def settings_sections() -> list[tuple[type[BaseModel], str]]:
    """Each settings class and the place of its section, the built-in sources' included."""
    models = [found.extension.settings for found in SOURCES.found.values() if not found.package]
    return list(_sections(_spelled_out(models), _TOP, {}))


def _spelled_out(sources: Sequence[type[SourceSettings]]) -> _Model:
    """The settings with the models of these sources in the place of what any source has."""
    means = Config.model_fields["source"].description
    choice: Any = Union[tuple(sources)]  # noqa: UP007  # as many as there are
    kind = "kind" if len(sources) > 1 else None
    field = Field(description=means, discriminator=kind)
    return create_model("Config", __base__=Config, __doc__=Config.__doc__, source=(choice, field))


def _sections(model: _Model, heading: str, seen: dict[_Model, str]) -> Iterator[tuple[_Model, str]]:
    """Each model once, at the first place where it is used, before those within it."""
    seen[model] = heading
    yield model, heading
    within: list[tuple[_Model, str]] = []
    for name, field in model.model_fields.items():
        place = name if heading == _TOP else f"{heading}.{name}"
        within += [(one, place) for one in _models(field.annotation) if one not in seen]
    for one, place in within:
        if one not in seen:
            kind = one.model_fields["kind"].default if issubclass(one, SourceSettings) else ""
            yield from _sections(one, f"{place} of kind {kind}" if kind else place, seen)


def _section(model: _Model, heading: str, links: Mapping[_Model, str]) -> list[str]:
    rows = [
        f"| `{name}` | {_type(field.annotation, links)} | {_default(field)} |"
        f" {_one_line(field.description)} |"
        for name, field in model.model_fields.items()
    ]
    return [
        f"## {heading}",
        "",
        _one_line(model.__doc__),
        "",
        "| key | type | default | meaning |",
        "|---|---|---|---|",
        *rows,
        "",
    ]


def _one_line(text: str | None) -> str:
    """A row of a table is one line."""
    return " ".join((text or "").split())


def _models(annotation: Any) -> list[_Model]:
    if annotation is BaseModel:  # of a plug-in, which documents its own
        return []
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _type(annotation: Any, links: Mapping[_Model, str]) -> str:
    origin = get_origin(annotation)
    if annotation is type(None):
        return "null"
    if annotation is BaseModel:
        return "the plug-in's settings"
    if annotation in links:
        anchor = links[annotation].replace(".", "").replace(" ", "-")
        return f"[{annotation.__name__}](#{anchor})"
    if origin is None:
        return str(getattr(annotation, "__name__", annotation))
    parts = [a for a in get_args(annotation) if a is not Ellipsis]
    if str(origin) == "typing.Literal":
        return " or ".join(f"`{a}`" for a in parts)
    if origin in (types.UnionType, Union):
        return " or ".join(_type(a, links) for a in parts)
    if origin in (dict, Mapping):
        return f"map of {_type(parts[0], links)} to {_type(parts[1], links)}"
    if origin is tuple:
        return "list of " + " and ".join(dict.fromkeys(_type(a, links) for a in parts))
    return _type(parts[0], links)


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    if isinstance(field.default, BaseModel):
        return "see below"
    if isinstance(field.default, tuple) and any(isinstance(v, BaseModel) for v in field.default):
        return ", ".join(str(getattr(v, "name", v)) for v in field.default)
    if field.default is None:
        return "null"
    return f"`{list(field.default) if isinstance(field.default, tuple) else field.default}`"
