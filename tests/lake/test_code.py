"""The code of a fingerprint: what can change an artifact changes it, and nothing else does."""

from __future__ import annotations

import ast
import shutil
from importlib import import_module
from pathlib import Path

import pytest

import recsys_tasks
from recsys_tasks.lake.code import Sources, modules_of
from recsys_tasks.lake.kinds import Kind, catalogue, code_of

HERE = Path(recsys_tasks.__file__).parent


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(HERE, tmp_path / HERE.name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def codes(root: Path) -> dict[str, str]:
    sources = Sources(root, lambda group: ())
    return {kind.name: sources.hash_of(kind.made_by) for kind in catalogue().values()}


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    return codes(HERE.parent)


def changed(root: Path, before: dict[str, str], module: str, text: str) -> set[str]:
    """Kinds with another code after `text` was added to a file of a copy of the package."""
    path = root / HERE.name / module
    path.write_text(path.read_text() + text)
    return {kind for kind, code in codes(root).items() if before[kind] != code}


@pytest.mark.parametrize(
    ("module", "kinds", "others"),
    [
        ("ranking/models/trees.py", {"release"}, {"features", "tower", "snapshot"}),
        ("ranking/models/cascade.py", {"release"}, {"lists", "examples", "tower"}),
        ("ranking/models/train.py", {"release"}, {"lists", "examples", "tower"}),
        ("serving/repeats.py", {"plan"}, {"release", "report"}),
        ("monitoring/run_report/charts.py", {"report"}, {"plan", "decision", "lists"}),
        ("features/windows.py", {"features"}, {"snapshot", "tower"}),
        ("snapshot/tonight.py", {"events", "snapshot", "validation"}, {"ids", "tower"}),
        ("retrieval/tower/warm_start.py", {"tower"}, {"snapshot", "features", "index"}),
        ("monitoring/run_report/page.html.jinja", {"report"}, {"release", "tower"}),
    ],
)
def test_what_makes_a_kind_changes_its_code(
    root: Path, before: dict[str, str], module: str, kinds: set[str], others: set[str]
) -> None:
    found = changed(root, before, module, "\nCHANGED = 1\n")
    assert kinds <= found and not others & found


def test_what_makes_no_kind_changes_no_code(root: Path, before: dict[str, str]) -> None:
    package(root, {"recsys_tasks/cli.py": "CHANGED = 1"})  # or the package's `cli/__init__.py`
    package(root, {"recsys_tasks/launcher/demo.py": "CHANGED = 1"})
    for module, text in (
        ("ranking/models/ranker.py", "\n# a comment\n"),
        ("features/kinds.py", "\nCHANGED = 1\n"),
    ):
        path = root / HERE.name / module
        path.write_text(path.read_text() + text)
    assert codes(root) == before


def constants() -> dict[str, str]:
    """Name of the constant that declares a kind, such as `FEATURES` → the kind's name."""
    rooms = {path.parent.name for path in HERE.glob("*/kinds.py")} - {"lake"}
    declaring = [vars(import_module(f"{HERE.name}.{room}.kinds")) for room in sorted(rooms)]
    return {
        name: value.name
        for names in declaring
        for name, value in names.items()
        if isinstance(value, Kind)
    }


def writers() -> list[tuple[str, str]]:
    """(module, kind) of each call that makes or writes an artifact of a kind named by its text or
    its declaration.
    """
    found, known = [], constants()
    for path in sorted(HERE.rglob("*.py")):
        name = ".".join(path.relative_to(HERE.parent).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                kind = node.args[0] if node.func.attr in ("make", "writing") else None
                if isinstance(kind, ast.Constant):
                    found.append((name, str(kind.value)))
                if isinstance(kind, ast.Name) and kind.id in known:
                    found.append((name, known[kind.id]))
    return found


def test_who_writes_a_kind_is_part_of_its_code() -> None:
    found = writers()
    kinds = {kind for _, kind in found}
    assert {"release", "events", "lists", "tower", "decision", "plan"} <= kinds
    for module, kind in found:
        assert module in modules_of(*catalogue()[kind].made_by), (module, kind)


def package(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


WORDS = {
    "recsys_tasks/__init__.py": "",
    "recsys_tasks/make.py": '"""Words."""\nfrom recsys_tasks.rooms import ROOMS\n\n\ndef f():\n'
    '    """More."""\n    from recsys_tasks import late\n\n    return late\n',
    "recsys_tasks/late.py": "X = 1\n",
    "recsys_tasks/aside.py": "X = 1\n",
    "recsys_tasks/rooms/__init__.py": "from recsys_tasks.extensions import ExtensionPoint\n"
    'ROOMS = ExtensionPoint("word", "my.words", "recsys_tasks.rooms", "WORD")\n',
    "recsys_tasks/rooms/one.py": "WORD = 1\n",
    "recsys_tasks/rooms/query.sql": "SELECT 1",
    "recsys_tasks/extensions.py": "class ExtensionPoint: ...\n",
}


@pytest.mark.parametrize(
    ("file", "text", "changes"),
    [
        ("recsys_tasks/late.py", "X = 2\n", True),  # imported in a function only
        ("recsys_tasks/rooms/one.py", "WORD = 2\n", True),  # found by its extension point only
        ("recsys_tasks/rooms/two.py", "WORD = 2\n", True),
        ("recsys_tasks/rooms/query.sql", "SELECT 2", True),
        ("recsys_tasks/late.py", "# why\nX = 1\n", False),
        ("recsys_tasks/late.py", '"""Why."""\n\nX = 1\n"""What X is."""\n', False),
        ("recsys_tasks/aside.py", "X = 2\n", False),
    ],
)
def test_the_closure_of_what_is_imported(
    tmp_path: Path, file: str, text: str, changes: bool
) -> None:
    before = Sources(package(tmp_path, WORDS), lambda group: ()).hash_of(["recsys_tasks.make"])
    package(tmp_path, {file: text})
    after = Sources(tmp_path, lambda group: ()).hash_of(["recsys_tasks.make"])
    assert (before != after) is changes


def test_a_plug_in_is_part_of_what_it_extends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, WORDS)
    plugin = {"my_words/__init__.py": "", "my_words/two.py": "WORD = 2\n", "my_words/q.sql": "1"}
    package(tmp_path / "site", plugin)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    def code(maker: str = "recsys_tasks.make") -> str:
        asked: dict[str, list[str]] = {"my.words": ["my_words.two"]}
        return Sources(tmp_path, lambda group: asked[group]).hash_of([maker])

    alone = Sources(tmp_path, lambda group: ()).hash_of(["recsys_tasks.make"])
    codes, aside = [alone, code()], code("recsys_tasks.aside")
    for name, text in (("two.py", "WORD = 3\n"), ("q.sql", "2"), ("more.py", "")):
        package(tmp_path / "site", {f"my_words/{name}": text})
        codes.append(code())
    assert len(set(codes)) == len(codes)
    assert code("recsys_tasks.aside") == aside


def test_a_module_called_kinds_counts_unless_it_declares_our_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, {**WORDS, "recsys_tasks/rooms/kinds.py": "KINDS = 1\n"})
    package(tmp_path / "site", {"my_diary/__init__.py": "", "my_diary/kinds.py": "X = 1\n"})
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    def code(module: str) -> str:
        return Sources(tmp_path, lambda group: ()).hash_of([module])

    ours, theirs = code("recsys_tasks.make"), code("my_diary.kinds")
    package(tmp_path, {"recsys_tasks/rooms/kinds.py": "KINDS = 2\n"})
    package(tmp_path / "site", {"my_diary/kinds.py": "X = 2\n"})
    assert code("recsys_tasks.make") == ours and code("my_diary.kinds") != theirs


def test_an_installed_kind_is_not_part_of_what_others_make() -> None:
    asked: list[str] = []

    def installed(group: str) -> list[str]:
        asked.append(group)
        return []

    Sources(HERE.parent, installed).hash_of(catalogue()["release"].made_by)
    assert "nightshelf.columns" in asked and "nightshelf.kinds" not in asked


def test_parts_count_for_who_runs_them_not_for_who_reads_their_settings(tmp_path: Path) -> None:
    point = WORDS["recsys_tasks/rooms/__init__.py"]
    files = {
        **WORDS,
        "recsys_tasks/rooms/__init__.py": "",
        "recsys_tasks/config/__init__.py": "from recsys_tasks.config.rooms import ROOMS\n",
        "recsys_tasks/config/rooms.py": point,
        "recsys_tasks/make.py": "from recsys_tasks.config.rooms import ROOMS\n",
        "recsys_tasks/aside.py": "import recsys_tasks.config\n",
    }
    package(tmp_path, files)

    def code() -> list[str]:
        sources = Sources(tmp_path, lambda group: ())
        return [sources.hash_of([f"recsys_tasks.{name}"]) for name in ("make", "aside")]

    runs, reads = code()
    package(tmp_path, {"recsys_tasks/rooms/one.py": "WORD = 2\n"})
    assert code()[0] != runs and code()[1] == reads


def test_an_extension_point_that_cannot_be_followed_is_refused(tmp_path: Path) -> None:
    files = {**WORDS, "recsys_tasks/late.py": "P = ExtensionPoint('w', group(), 'x', 'W')\n"}
    with pytest.raises(TypeError, match="literal"):
        Sources(package(tmp_path, files), lambda group: ()).hash_of(["recsys_tasks.make"])


def test_a_package_counts_from_when_it_is_on_the_path_until_it_is_not(tmp_path: Path) -> None:
    facts = "my_words-1.0.dist-info"
    package(
        tmp_path,
        {
            "my_words.py": "WORD = 2\n",
            f"{facts}/METADATA": "Metadata-Version: 2.1\nName: my_words\nVersion: 1.0\n",
            f"{facts}/entry_points.txt": "[nightshelf.features]\nword = my_words:WORD\n",
        },
    )
    before = {kind: code_of(kind) for kind in ("features", "tower")}
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        installed = {kind: code_of(kind) for kind in before}
    assert installed["features"] != before["features"] and installed["tower"] == before["tower"]
    assert {kind: code_of(kind) for kind in before} == before
