"""Every kind of alert has a runbook and is raised by code that runs."""

from __future__ import annotations

import ast
import re
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from recsys_tasks import errors
from recsys_tasks.dag_names import NIGHTLY_DAGS, OTHER_DAGS, dag_id
from recsys_tasks.extensions import ExtensionPoint
from recsys_tasks.monitoring.alarms import ALARMS, AlarmKind, kind_of, runbook_link

ROOT = Path(__file__).resolve().parents[3]
RUNBOOKS = ROOT / "include" / "runbooks"
CODE = [
    path
    for name in ("recsys_tasks", "plugins", "dags")
    for path in sorted((ROOT / name).rglob("*.py"))
]
KINDS = {name: kind for kind in ALARMS for name in (kind.name, *kind.also)}
FOREIGN = "unexpected"
"""The kind of every error that is not the pipeline's own: nothing raises it by this name."""


def used(node: ast.AST) -> set[str]:
    """Every name in some code, also where a text is one: stages are looked up by it."""
    names = texts(node) | {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return names | {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}


def running() -> list[ast.AST]:
    """What runs: modules' own statements, classes, decorated functions, and each function that such
    code names.
    """
    waiting: dict[str, list[ast.AST]] = {}
    runs: list[ast.AST] = []
    for path in CODE:
        for top in ast.parse(path.read_text()).body if path.name != "errors.py" else ():
            if isinstance(top, ast.FunctionDef) and not top.decorator_list:
                waiting.setdefault(top.name, []).append(top)
            elif not isinstance(top, ast.Import | ast.ImportFrom):
                runs.append(top)
    for node in runs:  # it grows meanwhile
        for name in used(node):
            runs += waiting.pop(name, [])
    return runs


def raised() -> set[str]:
    """Kinds of the alarms that running code makes, and every class that it calls."""
    found = set()
    for node in running():
        calls = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
        found |= {call.func.id for call in calls if isinstance(call.func, ast.Name)}
        for call in calls:
            first = (
                call.args[:1] if isinstance(call.func, ast.Name) and call.func.id == "Alarm" else []
            )
            found |= texts(
                *first, *(word.value for word in call.keywords if word.arg in ("kind", "error"))
            )
            if any(isinstance(each, ast.Name) for each in first):
                found |= texts(*chosen(node))
    return found


def chosen(function: ast.AST) -> list[ast.AST]:
    """What a function that makes an alarm of one of several kinds takes it from: itself, and its
    module's tables.
    """
    for path in CODE:
        body = ast.parse(path.read_text()).body
        if any(ast.dump(node) == ast.dump(function) for node in body):
            return [function, *(node for node in body if isinstance(node, ast.Assign))]
    return [function]


def texts(*nodes: ast.AST) -> set[str]:
    """Every text in some code."""
    inner = [each for node in nodes for each in ast.walk(node)]
    return {
        each.value
        for each in inner
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    }


# --- kinds ----------------------------------------------------------------------------------------


def test_every_kind_is_raised_by_code_that_runs() -> None:
    looked_at = {name for name, kind in KINDS.items() if kind.look is not None}
    assert sorted(set(KINDS) - raised() - looked_at - {FOREIGN}) == []


def literal_kinds() -> set[str]:
    """Kinds that code names where it makes an alarm or an alert."""
    found = set()
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                first = node.args[:1] if node.func.id == "Alarm" else []
                words = [word.value for word in node.keywords if word.arg == "kind"]
                named = first + (words if node.func.id in ("Alarm", "Alert") else [])
                found |= {
                    one.value
                    for one in named
                    if isinstance(one, ast.Constant) and isinstance(one.value, str)
                }
    return found


def test_every_alarm_is_of_a_registered_kind() -> None:
    assert len(literal_kinds()) > 5 and literal_kinds() <= set(KINDS)


def test_every_class_of_error_has_a_kind() -> None:
    classes = {
        name
        for name, found in vars(errors).items()
        if isinstance(found, type) and issubclass(found, errors.RecsysError)
    }
    assert classes - {"RecsysError", "DataError"} <= set(KINDS)


# --- runbooks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_runbook_has_its_title_and_says_when_it_comes(kind: str) -> None:
    text = (RUNBOOKS / KINDS[kind].runbook).read_text()
    assert text.startswith(f"# {KINDS[kind].title}\n")
    (when,) = re.findall(r"^\*\*When:\*\* (.*?)\n\n", text, flags=re.M | re.S)
    assert f"`{kind}`" in when or kind == FOREIGN


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_a_page_that_names_a_dag_says_how_its_id_looks_with_a_prefix(page: Path) -> None:
    text = page.read_text()
    named = [name for name in (*NIGHTLY_DAGS, *OTHER_DAGS) if re.search(rf"\b{name}\b", text)]
    assert not named or "with the prefix `shop_a_`, `validate_data` is" in text
    assert ("`shop_a_validate_data`" in text) == bool(named)
    assert dag_id("validate_data", "shop_a_") == "shop_a_validate_data"


def test_every_page_is_the_runbook_of_a_kind_and_in_the_list() -> None:
    titles = {kind.runbook: kind.title for kind in ALARMS}
    assert set(titles) == {path.name for path in RUNBOOKS.glob("*.md")} - {"README.md"}
    by_title = sorted(titles, key=lambda page: titles[page].lower())
    expected = [f"- [{titles[page]}]({page})" for page in by_title]
    listed = re.findall(r"^- .*$", (RUNBOOKS / "README.md").read_text(), flags=re.M)
    assert listed == expected


def test_the_link_is_below_the_base_or_the_whole_url(monkeypatch: pytest.MonkeyPatch) -> None:
    assert runbook_link("drift", "https://wiki.example") == "https://wiki.example/drift.md"
    assert runbook_link("ZeroDivisionError", "r") == "r/unexpected-error.md"
    monkeypatch.setitem(
        vars(ALARMS),
        "found",
        {**ALARMS.found, "own": ALARMS.found["drift"].__class__(OWN, "my_shop.alarms")},
    )
    assert runbook_link("own", "r") == "https://wiki.my-shop.example/own"


OWN = AlarmKind(name="own", title="Own", runbook="https://wiki.my-shop.example/own")


def test_a_package_that_cannot_be_loaded_costs_no_alert(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint("own", "no_such_module:ALARM", "nightshelf.alarms")
    monkeypatch.setattr("recsys_tasks.extensions.entry_points", lambda group: [broken])
    point = ExtensionPoint[AlarmKind](
        ALARMS.what, ALARMS.group, ALARMS.package, ALARMS.attribute, ALARMS.check
    )
    monkeypatch.setattr("recsys_tasks.monitoring.alarms.ALARMS", point)
    with pytest.raises(errors.ConfigError, match="no_such_module"):
        point.names()
    assert kind_of("drift").runbook == "drift.md" and kind_of("own").name == FOREIGN
