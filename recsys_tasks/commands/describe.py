"""The settings in words: what will run, and the reference of every field."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from recsys_tasks.config import Attribute, Config, Environment, FilesSource
from recsys_tasks.schema import generator_names


def describe(config: Config, environment: Environment) -> Iterator[str]:
    """Lines that say what a night will do under these settings."""
    yield f"project      {config.project} (clock: {config.clock})"
    yield f"home, lake   {environment.home}, {environment.lake}"
    yield (
        "database    "
        f" {'RECSYS_DATABASE_URL' if environment.database_url else 'embedded PostgreSQL'}"
    )
    yield f"source       {_source(config)}"
    kinds = ", ".join(f"{kind.name} ×{kind.weight:g}" for kind in config.events.kinds)
    yield f"events       {kinds}"
    for name, table in (("users", config.users), ("items", config.items)):
        attributes = ", ".join(f"{a.name} ({_kind(a)})" for a in table.attributes)
        yield f"{name:<12} {attributes or 'no attributes'}"
    goals = ", ".join(
        f"{o.name} = {' or '.join(o.events)} (weight {o.weight:g})" for o in config.objectives
    )
    yield f"objectives   {goals}; within {config.label_window_days} days"
    repeats = config.repeat_consumption
    yield (
        "repeats     "
        f" {repeats if isinstance(repeats, str) else f'after {repeats.after_days} days'}"
    )
    active = f"≥ {config.activity.min_events} events in {config.activity.within_days} days"
    yield f"active       {active}; others get fallback lists"
    quotas = {name: config.generators.quota(name) for name in generator_names()}
    asked = ", ".join(f"{n} {q}" for n, q in quotas.items() if q)
    yield f"candidates   {asked}; at most {config.generators.max_candidates}"
    schedule, tower, ranker = config.schedule, config.two_tower, config.ranker
    every = f"every {schedule.train_two_tower_every_days} night(s)"
    size = f"{tower.members} × {tower.dimensions // tower.members} dimensions"
    yield f"two-tower    {size}, last {tower.history_length} events, {every}"
    every = f"every {schedule.train_ranker_every_days} night(s)"
    yield f"ranker       {ranker.mode}, {ranker.windows} label windows, {every}"
    yield (
        f"lists        {config.serving.k} items and {config.serving.spares} spares in"
        f" {config.serving.shards} shards"
    )
    yield (
        f"schedule     nightly {config.schedule.nightly!r}, freshness"
        f" {config.schedule.watch_freshness!r} (UTC)"
    )


def _kind(attribute: Attribute) -> str:
    return f"{attribute.kind} of {attribute.dimensions}" if attribute.dimensions else attribute.kind


def _source(config: Config) -> str:
    source = config.source
    if isinstance(source, FilesSource):
        return (
            f"files: events {source.events}, items {source.items}, users"
            f" {source.users or 'those of the events'}"
        )
    return (
        f"simulated shop: {source.users} users, {source.items} items from {source.first_day}, seed"
        f" {source.seed}"
    )


def field_reference() -> str:
    """docs/reference/configuration.md, made from the settings classes."""
    lines = [
        "# Configuration",
        "",
        "Made by `recsys config docs` from `recsys_tasks/config/`; a test keeps it current.",
        "Unknown keys are refused.",
        "",
    ]
    seen: list[type[BaseModel]] = []
    _section(Config, "the top level", lines, seen)
    return "\n".join(lines)


def _section(
    model: type[BaseModel], path: str, lines: list[str], seen: list[type[BaseModel]]
) -> None:
    seen.append(model)
    lines += [
        f"## {path}",
        "",
        " ".join((model.__doc__ or "").split()),
        "",
        "| key | type | default | meaning |",
        "|---|---|---|---|",
    ]
    nested: list[tuple[type[BaseModel], str]] = []
    for name, field in model.model_fields.items():
        meaning = " ".join((field.description or "").split())  # a row of a table is one line
        lines.append(f"| `{name}` | {_type(field.annotation)} | {_default(field)} | {meaning} |")
        place = name if path == "the top level" else f"{path}.{name}"
        nested += [(inner, place) for inner in _models(field.annotation) if inner not in seen]
    lines.append("")
    for inner, place in nested:
        if inner not in seen:
            _section(inner, place, lines, seen)


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _type(annotation: Any) -> str:
    origin = get_origin(annotation)
    if annotation is type(None):
        return "null"
    if origin is None:
        return str(getattr(annotation, "__name__", annotation))
    parts = [a for a in get_args(annotation) if a is not Ellipsis]
    if str(origin) == "typing.Literal":
        return " or ".join(f"`{a}`" for a in parts)
    if origin in (types.UnionType, Union):
        return " or ".join(_type(a) for a in parts)
    if origin is dict:
        return f"map of {_type(parts[0])} to {_type(parts[1])}"
    if origin is tuple:
        return "list of " + " and ".join(dict.fromkeys(_type(a) for a in parts))
    return _type(parts[0])


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
