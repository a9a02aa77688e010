"""Extension points: named implementations of one Protocol, built in or from an installed package.

A built-in one is a module of the point's package that has the point's attribute; nothing lists it,
so a new file is enough and a deleted file leaves the others running. One of a user's own package
is found by its entry point:

    [project.entry-points."nightshelf.generators"]
    editors_picks = "my_package.picks:GENERATOR"

The name of an implementation is its own `name`; the entry point must have the same name.
"""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from itertools import chain
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from recsys_tasks.errors import ConfigError


class Named(Protocol):
    """What every implementation of an extension point has."""

    @property
    def name(self) -> str:
        """The name by which settings, tables and documents know it."""


T = TypeVar("T", bound=Named)


@dataclass(frozen=True)
class Found(Generic[T]):
    """One implementation: the object, and the module that it came from."""

    extension: T
    module: str
    package: str = ""
    """Distribution of a user's own package with its version; empty for a built-in one."""

    @property
    def sources(self) -> tuple[Path, ...]:
        """Source files whose change changes what it does: its module, or its whole own package."""
        file = importlib.import_module(self.module).__file__
        if file is None:
            return ()
        top = self.module.partition(".")[0]
        if not self.package or top == self.module:
            return (Path(file),)
        folder = importlib.import_module(top).__file__
        return tuple(sorted(Path(folder).parent.rglob("*.py"))) if folder else (Path(file),)

    @property
    def code_hash(self) -> str:
        """Hash of the `sources`: what a fingerprint says of an implementation."""
        digest = hashlib.sha256()
        for path in self.sources:
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class ExtensionPoint(Generic[T]):
    """Every implementation of one Protocol, by name.

    `what` is the word for messages ("candidate generator"); `group` the entry point group;
    `package` the package whose modules may have `attribute`; `check` raises TypeError for an object
    that is no implementation.
    """

    what: str
    group: str
    package: str
    attribute: str
    check: Callable[[Any], None] = lambda found: None

    @cached_property
    def found(self) -> Mapping[str, Found[T]]:
        """Name to implementation, built-in ones first, each part in the order of names.

        Raises ConfigError for an entry point that cannot be loaded and for a name taken twice.
        """
        named: dict[str, Found[T]] = {}
        for one in [*self.built_in(), *self._installed()]:
            name = one.extension.name
            if name in named:
                raise self._refused(
                    f"{name!r} both in {named[name].module} and in {one.module}",
                    f"rename one of them, or uninstall {one.package or 'the package'}",
                )
            named[name] = one
        return named

    def __iter__(self) -> Iterator[T]:
        """The implementations, in the order of `found`."""
        return (one.extension for one in self.found.values())

    def names(self) -> tuple[str, ...]:
        """The names, in the order of `found`."""
        return tuple(self.found)

    def known_names(self) -> tuple[str, ...]:
        """Names of the built-in ones, then of the installed ones, which are not loaded."""
        if "found" in vars(self):
            return self.names()
        return (*(one.extension.name for one in self.built_in()), *self.installed_names())

    def get(self, name: str, where: str = "the settings") -> T:
        """The implementation of that name; of the installed ones no other is loaded.

        Raises ConfigError, with the known names, if there is none, and as `found` does for it.
        """
        known = self.known_names()
        if name not in known:
            raise ConfigError(
                expected=f"a {self.what} that is built in or installed: {', '.join(known)}",
                found=repr(name),
                where=where,
                remedy=(
                    "correct the name, or install the package that has it"
                    f" (entry point group {self.group})"
                ),
            )
        if "found" in vars(self) or known.count(name) > 1:
            return self.found[name].extension
        ours = (one.extension for one in self.built_in() if one.extension.name == name)
        named = (point for point in self._entry_points() if point.name == name)
        theirs = (self._load(point).extension for point in named)
        return next(chain(ours, theirs))

    def built_in(self) -> Iterator[Found[T]]:
        """The built-in ones alone, in the order of their modules' names: loads no other package."""
        package = importlib.import_module(self.package)
        for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
            module = importlib.import_module(f"{self.package}.{info.name}")
            extension = vars(module).get(self.attribute)
            if extension is not None:
                yield Found(extension, module.__name__)

    def installed_names(self) -> tuple[str, ...]:
        """Names of the installed ones, in order, from their packages' metadata: loads none."""
        return tuple(point.name for point in self._entry_points())

    def _entry_points(self) -> list[EntryPoint]:
        return sorted(entry_points(group=self.group), key=lambda point: point.name)

    def _installed(self) -> Iterator[Found[T]]:
        for point in self._entry_points():
            yield self._load(point)

    def _load(self, point: EntryPoint) -> Found[T]:
        package = f"{point.dist.name} {point.dist.version}" if point.dist else point.module
        try:
            extension = point.load()
            self.check(extension)
            if extension.name != point.name:
                raise TypeError(f"its name is {extension.name!r}")
        except Exception as error:
            raise self._refused(
                f"{point.name} = {point.value} of {package}: {type(error).__name__}: {error}",
                f"correct the package, or uninstall it: pip uninstall {package.partition(' ')[0]}",
            ) from error
        return Found(extension, point.module, package)

    def _refused(self, found: str, remedy: str) -> ConfigError:
        return ConfigError(
            expected=f"one {self.what} a name, which can be imported",
            found=found,
            where=f"entry point group {self.group}",
            remedy=remedy,
        )
