"""The catalogue: every feature's name, family, meaning and expression, for training and serving
alike.

Built-in features are entries of the modules in `definitions/`. One of a user's own package is the
same entry, found by an entry point of its name:

    [project.entry-points."nightshelf.features"]
    weekend_share = "my_package.features:WEEKEND_SHARE"

Its column stands behind the built-in ones of its family. The rankers see it from the next training
on; releases that were trained before do without it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, get_args

import ibis.expr.types as ir

from recsys_tasks.config import Config
from recsys_tasks.errors import ConfigError
from recsys_tasks.extensions import ExtensionPoint, Found
from recsys_tasks.features.definitions import item, pair, segment, user
from recsys_tasks.features.feature import Family, Feature, Source

_NAME = re.compile(r"_?[a-z][a-z0-9_]*")
# What a family's `build` cannot be given: rows that lack one of the family's keys.
_WITHOUT_KEY: Mapping[Family, tuple[Source, ...]] = {
    "user": ("segment",),
    "item": ("segment",),
    "segment": ("learned", "history", "pairs", "price"),
    "pair": ("segment",),
}


def _check(found: Any) -> None:
    """Raises TypeError for what is no feature that can be computed."""
    if not isinstance(found, Feature):
        raise TypeError(f"it is a {type(found).__name__}, not a Feature")
    if not _NAME.fullmatch(found.name):
        raise TypeError(f"its name {found.name!r} is not a-z, 0-9 and _, a letter first")
    if found.family not in get_args(Family):
        raise TypeError(f"its family {found.family!r} is none of {', '.join(get_args(Family))}")
    sources = [one for one in get_args(Source) if one not in _WITHOUT_KEY[found.family]]
    if found.source not in sources:
        raise TypeError(
            f"its source {found.source!r} is none of a {found.family} feature: {', '.join(sources)}"
        )


FEATURES: ExtensionPoint[Feature] = ExtensionPoint(
    what="feature",
    group="nightshelf.features",
    package="recsys_tasks.features.definitions",
    attribute="FEATURE",
    check=_check,
)
"""Features beside the entries of the families' modules."""


def catalogue(config: Config) -> tuple[Feature, ...]:
    """Every feature of this shop, in column order: item, user, segment and pair features.

    Raises ConfigError for a feature of a package whose name another one of its family has.
    """
    families = (item, user, segment, pair)
    own = {(one.family, one.name): one for of in families for one in of.features(config)}
    for name, found in _installed(config):
        family = found.extension.family
        if (family, name) in own:
            raise ConfigError(
                expected=f"one {family} feature a name",
                found=f"{name!r} is built in, and in {found.package or found.module} too",
                where=f"entry point group {FEATURES.group}",
                remedy="rename the package's feature, or uninstall the package",
            )
        own[family, name] = replace(found.extension, build=_named(found))
    order = {family: at for at, family in enumerate(("item", "user", "segment", "pair"))}
    return tuple(sorted(own.values(), key=lambda one: order[one.family]))


def installed_sources(config: Config) -> dict[str, str]:
    """Hash of the source code of each feature that is not an entry of the families' modules."""
    return {
        f"feature {name}": hashlib.sha256(
            b"".join(path.read_bytes() for path in found.sources)
        ).hexdigest()[:16]
        for name, found in _installed(config)
    }


def column_packages() -> dict[str, str]:
    """Column of the rankers' input that an installed package makes, and which package."""
    return {
        f"{found.extension.family}_{name}": found.package
        for name, found in FEATURES.found.items()
        if found.package
    }


def _installed(config: Config) -> Iterator[tuple[str, Found[Feature]]]:
    """Those of this shop: without segments there are no features of segments."""
    for name, found in FEATURES.found.items():
        if found.extension.family != "segment" or config.users.segment_by:
            yield name, found


def _named(found: Found[Feature]) -> Callable[[ir.Table], ir.Value]:
    """Its `build`, whose errors say whose they are."""
    feature = found.extension

    def build(table: ir.Table) -> ir.Value:
        try:
            return feature.build(table)
        except Exception as error:
            raise ConfigError(
                expected=f"{feature.family} feature {feature.name} to be an expression of its rows",
                found=f"{type(error).__name__}: {error}",
                where=found.package or found.module,
                remedy=f"correct it; its rows have the columns {', '.join(table.columns)}",
            ) from error

    return build
