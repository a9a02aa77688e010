"""How many candidates each generator is asked for.

The generators declare themselves (`recsys_tasks/retrieval/generators/`, or an installed package);
this section has a key of each name, so that nothing needs to be added here for another one.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import Field, create_model

from recsys_tasks.config.base import NonNegativeInt, PositiveInt, Section
from recsys_tasks.config.plugins import needs_settings
from recsys_tasks.errors import ConfigError
from recsys_tasks.extensions import ExtensionPoint


class Declaration(Protocol):
    """What the settings, the tables' contracts and the database know of a generator.

    `retrieval.generators.base.Generator` says what each means, and what else a generator is.
    """

    name: str
    description: str
    bit: int
    reason: str
    quota: int


GENERATORS: ExtensionPoint[Declaration] = ExtensionPoint(
    what="candidate generator",
    group="nightshelf.generators",
    package="recsys_tasks.retrieval.generators",
    attribute="GENERATOR",
)


def without_settings(plugins: Collection[str]) -> set[str]:
    """Installed generators that cannot do without a block of `plugins` and have none."""
    lacking = [name for name in GENERATORS.installed_names() if name not in plugins]
    return {name for name in lacking if _needs_settings(name)}


def _needs_settings(name: str) -> bool:
    try:
        return needs_settings(GENERATORS.get(name))
    except ConfigError:  # what cannot be loaded is said where it is used
        return False


def _quotas() -> dict[str, Any]:
    """A field for each generator; the default of an installed one is known when it is loaded."""
    built_in = sorted((found.extension for found in GENERATORS.built_in()), key=lambda one: one.bit)
    fields: dict[str, Any] = {
        one.name: (NonNegativeInt, Field(default=one.quota, description=one.description))
        for one in built_in
    }
    for name in GENERATORS.installed_names():
        meaning = "Of an installed package; null: as many as it asks for by default."
        fields[name] = (NonNegativeInt | None, Field(default=None, description=meaning))
    return fields


if TYPE_CHECKING:
    _Quotas = Section
else:
    _Quotas = create_model("_Quotas", __base__=Section, **_quotas())


class GeneratorsConfig(_Quotas):
    """Candidates asked of each generator, a user; 0 switches one off."""

    max_candidates: PositiveInt = 300
    """Candidates kept a user after the union: those with most votes."""

    def quota(self, name: str) -> int:
        """Candidates asked of a generator, a user; 0 also where there is none of that name."""
        asked: int | None = getattr(self, name, 0)
        return GENERATORS.get(name).quota if asked is None else asked
