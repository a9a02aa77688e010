"""Settings of installed plug-ins: the section `plugins`, a block a plug-in.

A candidate generator or an alarm of an installed package that has an attribute `settings`, a
pydantic model, can have a block under its name:

    plugins:
      editors_picks: {file: picks.csv}

`recsys config check` checks the block by that model, and `config.plugins.get("editors_picks")` is
the checked instance; None where the settings file has no such block. Other kinds of plug-ins are
not handed the settings, so a block of theirs would change nothing: it is refused, with the place
where a source's and a re-rank rule's settings stand.

Settings are read in every one of Airflow's processes: a plug-in's module must import what is heavy
(numpy, pandas) within its functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any

from pydantic import BaseModel, SerializeAsAny, ValidationError, WithJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from recsys_tasks.config.mistakes import mistake_words
from recsys_tasks.errors import ConfigError

PluginSettings = Annotated[SerializeAsAny[BaseModel], WithJsonSchema({"type": "object"})]
"""Settings of one plug-in: an instance of its own model."""
_GROUPS = "nightshelf."
_READ = ("nightshelf.alarms", "nightshelf.generators")
"""Groups whose plug-ins are handed the settings."""
_ELSEWHERE = {
    "nightshelf.sources": "a source's settings stand under source",
    "nightshelf.rerank_rules": "a re-rank rule's settings stand in rerank.rules",
    "nightshelf.channels": "nothing hands it to a channel; use the Airflow connection's extra",
    "nightshelf.gate_rules": "nothing hands it to a gate rule",
    "nightshelf.columns": "nothing hands it to a group of columns",
    "nightshelf.features": "nothing hands it to a feature",
    "nightshelf.kinds": "nothing hands it to a kind of artifact",
}


def checked_plugins(given: Any) -> dict[str, BaseModel]:
    """The blocks of `plugins`, each checked by its plug-in's model.

    Raises ValidationError with every mistake, an unknown name included, ValueError for what is no
    mapping, ConfigError for a plug-in that cannot be loaded.
    """
    if not isinstance(given, Mapping):
        raise ValueError("write a block for each plug-in: {name: {setting: value, ...}, ...}")
    if not given:
        return {}
    checked: dict[str, BaseModel] = {}
    mistakes: list[InitErrorDetails] = []
    for name, block in given.items():
        try:
            checked[name] = _model(_reader(name)).model_validate(block)
        except ValidationError as error:
            mistakes += [
                _mistake((name, *one["loc"]), one["input"], mistake_words(one))
                for one in error.errors()
            ]
        except TypeError as error:
            mistakes.append(_mistake((name,), block, str(error)))
        except ConfigError:
            raise
        except Exception as error:  # a validator of the package's own; the settings must load
            words = f"the plug-in's model raised {type(error).__name__}: {error}"
            mistakes.append(_mistake((name,), block, words))
    if mistakes:
        raise ValidationError.from_exception_data("plugins", mistakes)
    return checked


def needs_settings(extension: Any) -> bool:
    """Whether a plug-in cannot do without a block: its model has a field without a default."""
    model = getattr(extension, "settings", None)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return False
    return any(field.is_required() for field in model.model_fields.values())


def installed_plugins() -> tuple[EntryPoint, ...]:
    """Entry points of every group of this project, in the order of groups and names."""
    groups = [group for group in entry_points().groups if group.startswith(_GROUPS)]
    points = [point for group in groups for point in entry_points(group=group)]
    return tuple(sorted(points, key=lambda point: (point.group, point.name)))


def _model(point: EntryPoint) -> type[BaseModel]:
    """The model of a plug-in's settings. Raises TypeError for a plug-in without one."""
    package = f"{point.dist.name} {point.dist.version}" if point.dist else point.module
    try:
        extension = point.load()
    except Exception as error:
        raise ConfigError(
            expected="installed plug-ins that can be imported",
            found=f"{point.name} = {point.value} of {package}: {type(error).__name__}: {error}",
            where=f"entry point group {point.group}",
            remedy=f"correct the package, or uninstall it: pip uninstall {package.split()[0]}",
        ) from error
    model = getattr(extension, "settings", None)
    if isinstance(model, type) and issubclass(model, BaseModel):
        return model
    raise TypeError(f"{package} has no settings for {point.name!r}: remove the block")


def _reader(name: Any) -> EntryPoint:
    """The plug-in that reads the block of that name. Raises TypeError unless there is just one."""
    named = [one for one in installed_plugins() if one.name == name]
    readers = [one for one in named if one.group in _READ]
    if len(readers) == 1:
        return readers[0]
    if readers:
        packages = " and ".join(f"{one.value} ({one.group})" for one in readers)
        raise TypeError(f"two plug-ins have this name, {packages}: rename one of them")
    if named:
        words = _ELSEWHERE.get(named[0].group, f"nothing reads it of {named[0].group}")
        raise TypeError(f"{words}: remove the block")
    known = ", ".join(sorted(one.name for one in installed_plugins() if one.group in _READ))
    raise TypeError(
        f"no plug-in of this name is installed (installed: {known or 'there are none'}): correct"
        " the name, install the package that has it, or remove the block"
    )


def _mistake(place: tuple[Any, ...], given: Any, words: str) -> InitErrorDetails:
    error = PydanticCustomError("value_error", "{words}", {"words": words})
    return InitErrorDetails(type=error, loc=place, input=given)
