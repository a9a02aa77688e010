"""Which code makes an artifact: part of its fingerprint.

The code of a kind is that of the modules that make it and of all that they import, found by reading
the sources, imports inside functions and under TYPE_CHECKING included; with them the files in their
packages that are no Python (SQL, templates), and every implementation of the extension points that
they have, built in or installed. A change of any of these makes a new version; a change elsewhere
(the command line, another stage) makes none.

Sources are compared as syntax trees without docstrings: words, comments and line breaks make
nothing new. Versions of libraries are not compared.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

_PACKAGE = __name__.partition(".")[0]
_DECLARATIONS = ("kinds",)
"""Our own `<room>/kinds.py` say what becomes of an artifact, and nothing of what is in it."""
_DECLARING = "nightshelf.kinds"
"""Nor do the kinds of installed packages: this entry point group is not followed."""
_READERS = (f"{_PACKAGE}.config", f"{_PACKAGE}.schema")
"""These read what parts declare (names, settings, codes) and run none of them: an extension point
that only they have, or import by its name, is not followed.
"""
_PIPELINE = f"{_PACKAGE}.stages.pipeline"
"""It orders the stages of a night and runs none: what it imports is not followed."""


def hash_of(*modules: str) -> str:
    """Hash of all code that the modules use, 16 hexadecimal digits. Raises ModuleNotFoundError."""
    return _hash_of(tuple(sys.path), modules)


def modules_of(*modules: str) -> frozenset[str]:
    """Names of the modules and of those that they use. Raises ModuleNotFoundError."""
    return _modules_of(tuple(sys.path), modules)


@functools.cache
def _modules_of(path: tuple[str, ...], modules: tuple[str, ...]) -> frozenset[str]:
    return frozenset(_sources(path).closure(modules))


@functools.cache
def _hash_of(path: tuple[str, ...], modules: tuple[str, ...]) -> str:
    return _sources(path).hash_of(modules)


@functools.cache
def _sources(path: tuple[str, ...]) -> Sources:  # where packages come from decides what is found
    return Sources(Path(__file__).resolve().parents[2])


@dataclass(frozen=True)
class Point:
    """An extension point that a module has: the name it is imported by, its entry point group, the
    package of built-in parts.
    """

    name: str
    group: str
    package: str


@dataclass(frozen=True)
class Module:
    """What is read of one source file: a hash of what it does, what it imports, its extension
    points.
    """

    path: Path
    code: str
    imports: frozenset[str]
    points: tuple[Point, ...]

    @property
    def is_package(self) -> bool:
        """Whether it is the `__init__` of a folder."""
        return self.path.name == "__init__.py"


def _installed(group: str) -> list[str]:
    return sorted(point.module for point in entry_points(group=group))


@dataclass(frozen=True)
class Sources:
    """The sources of a package below the folder `root`, and of the packages that extend it.

    `installed` gives the modules of an entry point group.
    """

    root: Path
    installed: Callable[[str], Iterable[str]] = _installed
    _known: dict[str, Module | None] = field(default_factory=dict)

    def hash_of(self, modules: Iterable[str]) -> str:
        """Hash of all code that the modules use. Raises ModuleNotFoundError."""
        digest = hashlib.sha256()
        used = self.closure(modules)
        for name, module in sorted(used.items()):
            if not _declares(name):
                digest.update(f"{name}:{module.code};".encode())
        for name, module in sorted(used.items()):
            for path in _other_files(module.path.parent) if module.is_package else ():
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                digest.update(f"{name}/{path.name}:{content};".encode())
        return digest.hexdigest()[:16]

    def closure(self, modules: Iterable[str]) -> Mapping[str, Module]:
        """The modules and all that they use, by name. Raises ModuleNotFoundError."""
        found: dict[str, Module] = {}
        whole: set[str] = set()
        waiting = [(name, True) for name in modules]
        while waiting:
            while waiting:
                name, called = waiting.pop()
                if name in whole or (name in found and not called):
                    continue
                found[name] = self._required(name)
                if called:
                    whole.add(name)
                waiting += self._used_by(name, found[name], called)
            called_ones = {name: found[name] for name in whole}
            waiting = [(name, True) for name in self._parts(called_ones) if name not in whole]
        return found

    def _required(self, name: str) -> Module:
        module = self._module(name)
        if module is None:
            raise ModuleNotFoundError(f"no module {name}, which is said to make an artifact")
        return module

    def _used_by(self, name: str, module: Module, called: bool) -> Iterator[tuple[str, bool]]:
        """(module, whether something is imported from it) of what a module uses itself.

        Importing a module runs its parents. A parent from which nobody imports counts with its own
        code alone: what it re-exports, such as every stage of a night, is not used.
        """
        top, _, rest = name.partition(".")
        if rest:
            yield name.rpartition(".")[0], False
        elif top != _PACKAGE and module.is_package:  # a user's package: the whole of it
            yield from ((below, True) for below in _modules_below(module.path.parent, top))
        if not called or name == _PIPELINE:
            return
        for imported in module.imports:  # a module, or a name of one
            names = (imported, imported.rpartition(".")[0])
            yield from [(used, True) for used in names if used and self._module(used)][:1]

    def _parts(self, used: Mapping[str, Module]) -> Iterator[str]:
        """The parts of the extension points that the modules use, built in and installed."""
        running = {name: module for name, module in used.items() if not name.startswith(_READERS)}
        asked = {path.rpartition(".")[2] for module in running.values() for path in module.imports}
        for name, module in used.items():
            for point in module.points:
                if point.group == _DECLARING:
                    continue
                if name in running or point.name in asked:
                    yield from self._modules_in(point.package)
                    yield from self.installed(point.group)

    def _modules_in(self, package: str) -> list[str]:
        """The modules of a package, without those of packages in it."""
        path = self._path(package)
        if path is None:
            raise ModuleNotFoundError(f"no package {package}, where extensions are looked for")
        folder = path.parent
        names = {file.stem for file in folder.glob("*.py")} - {"__init__"}
        names |= {file.parent.name for file in folder.glob("*/__init__.py")}
        return [f"{package}.{name}" for name in sorted(names)]

    def _module(self, name: str) -> Module | None:
        if name not in self._known:
            path = self._path(name)
            self._known[name] = None if path is None else _read(path, name)
        return self._known[name]

    def _path(self, name: str) -> Path | None:
        """The source file of a module, without importing it."""
        top, _, rest = name.partition(".")
        if top == _PACKAGE:
            folder = self.root / top
        else:
            spec = find_spec(top)
            if spec is None or spec.origin is None:
                return None
            if not spec.submodule_search_locations:
                return Path(spec.origin)
            folder = Path(spec.origin).parent
        base = folder.joinpath(*rest.split(".")) if rest else folder
        candidates = (base / "__init__.py", base.with_name(f"{base.name}.py"))
        return next((path for path in candidates if path.is_file()), None)


def _modules_below(folder: Path, package: str) -> list[str]:
    """Every module of a package, at any depth."""
    paths = [path.relative_to(folder).with_suffix("") for path in sorted(folder.rglob("*.py"))]
    parts = [path.parts[:-1] if path.name == "__init__" else path.parts for path in paths]
    return [".".join((package, *names)) for names in parts]


def _other_files(folder: Path) -> Iterator[Path]:
    """Files of a package that are no Python, those of packages in it left out."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if path.name != "__pycache__" and not (path / "__init__.py").exists():
                yield from _other_files(path)
        elif path.suffix not in (".py", ".pyc"):
            yield path


# --- one source file -----------------------------------------------------------------------------


def _read(path: Path, name: str) -> Module:
    tree = ast.parse(path.read_bytes())
    imports: set[str] = set()
    points: list[Point] = []
    for statement in _statements(tree):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            imports.update(_imported(statement, name, path))
        points += _points(statement, name)
    code = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
    return Module(path, code, frozenset(imports), tuple(points))


def _declares(name: str) -> bool:
    top, *rest = name.split(".")
    return top == _PACKAGE and tuple(rest[1:]) == _DECLARATIONS


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    """Every statement below a node; docstrings are taken out of the tree on the way."""
    for field_name in ("body", "orelse", "finalbody", "handlers", "cases"):
        below = getattr(node, field_name, None)
        if isinstance(below, list):
            below[:] = [one for one in below if not _is_text(one)]
            for one in below:
                if isinstance(one, ast.stmt):
                    yield one
                yield from _statements(one)


def _is_text(statement: ast.AST) -> bool:
    """A docstring, or a text in its place under an attribute."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _imported(node: ast.Import | ast.ImportFrom, name: str, path: Path) -> Iterator[str]:
    """Full names of what is imported, modules and names of modules, of our package and of the
    module's own.
    """
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        base = package[: len(package) - node.level + 1] if node.level else []
        module = ".".join([*base, *filter(None, [node.module])])
        names = [f"{module}.{alias.name}" for alias in node.names]
    ours = (_PACKAGE, name.partition(".")[0])
    yield from (found for found in names if found.partition(".")[0] in ours)


def _points(statement: ast.stmt, name: str) -> Iterator[Point]:
    """The extension point that an assignment makes."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign):
        return
    made = statement.value
    target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
    if not isinstance(made, ast.Call) or not isinstance(target, ast.Name):
        return
    called = made.func.value if isinstance(made.func, ast.Subscript) else made.func
    if isinstance(called, ast.Name) and called.id == "ExtensionPoint":
        given: dict[str, ast.expr] = dict(
            zip(("what", "group", "package"), made.args, strict=False)
        )
        given |= {word.arg: word.value for word in made.keywords if word.arg}
        yield Point(target.id, *(_literal(given.get(one), name) for one in ("group", "package")))


def _literal(node: ast.expr | None, name: str) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise TypeError(f"{name}: write group and package of an ExtensionPoint as literal texts")
