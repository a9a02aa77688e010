"""The section `plugins`: blocks of installed plug-ins, checked by their models."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from recsys_tasks.commands.describe import load_plugins
from recsys_tasks.config import config_hash
from recsys_tasks.errors import ConfigError
from tests.worlds import make_config

_PICKS = """
from recsys_tasks.config import Section

class PicksSettings(Section):
    file: str
    share: float = 0.5

class Picks:
    name = "editors_picks"
    settings = PicksSettings

class Plain:
    name = "plain"

class Rule:
    name = "rule"
    settings = PicksSettings

class Odd(PicksSettings):
    def __init__(self, **values):
        raise OSError("no such picks")

class Raising:
    name = "raising"
    settings = Odd

class Pager:
    name = "pager"
    settings = PicksSettings
"""


@pytest.fixture
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What an installer leaves of a distribution `picks 1.0` with its entry points."""
    (tmp_path / "picks_of_tests.py").write_text(_PICKS)
    info = tmp_path / "picks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: picks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[nightshelf.generators]\nboth = picks_of_tests:Picks\n"
        "editors_picks = picks_of_tests:Picks\n"
        "[nightshelf.alarms]\nplain = picks_of_tests:Plain\nbroken = picks_of_tests:Nothing\n"
        "raising = picks_of_tests:Raising\nboth = picks_of_tests:Picks\n"
        "[nightshelf.rerank_rules]\nrule = picks_of_tests:Rule\n"
        "[nightshelf.channels]\npager = picks_of_tests:Pager\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield
    sys.modules.pop("picks_of_tests", None)


@pytest.mark.usefixtures("_installed")
def test_a_block_is_checked_by_its_plug_ins_model() -> None:
    config = make_config(plugins={"editors_picks": {"file": "picks.csv"}})
    picks = config.plugins.get("editors_picks")
    assert picks is not None
    assert picks.model_dump() == {"file": "picks.csv", "share": 0.5}
    assert config.plugins.get("others") is None
    other = make_config(plugins={"editors_picks": {"file": "others.csv"}})
    assert config_hash(config) != config_hash(other)
    assert config.model_dump()["plugins"] == {"editors_picks": picks.model_dump()}


@pytest.mark.usefixtures("_installed")
def test_every_mistake_of_the_blocks_is_named() -> None:
    with pytest.raises(ConfigError) as refused:
        make_config(
            label_window_days=0,
            plugins={
                "editors_picks": {"files": "a", "share": "x"},
                "editor_picks": {},
                "plain": {},
            },
        )
    for words in (
        "6 mistake(s)",
        "label_window_days: Input should be",
        "plugins.editors_picks.file: Field required",
        "plugins.editors_picks.files: Extra inputs are not permitted",
        "plugins.editors_picks.share: Input should be a valid number",
        "plugins.editor_picks: no plug-in of this name is installed",
        "plugins.plain: picks 1.0 has no settings for 'plain': remove the block",
    ):
        assert words in refused.value.found


@pytest.mark.usefixtures("_installed")
def test_a_plug_in_that_cannot_be_loaded_is_refused_with_its_package() -> None:
    with pytest.raises(ConfigError, match=r"broken = picks_of_tests:Nothing of picks 1\.0"):
        make_config(plugins={"broken": {}})


def test_without_plug_ins_there_is_no_block() -> None:
    with pytest.raises(ConfigError, match="plugins: write a block for each plug-in"):
        make_config(plugins=["editors_picks"])
    with pytest.raises(ConfigError, match=r"plugins\.editors_picks: no plug-in of this name"):
        make_config(plugins={"editors_picks": {}})
    assert make_config(plugins={}) == make_config()


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("rule", "rerank.rules"),
        ("pager", "nothing hands it to a channel"),
        ("raising", "OSError: no such picks"),
        ("both", "two plug-ins have this name"),
    ],
)
def test_a_block_that_cannot_be_read_is_refused(name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make_config(plugins={name: {"file": "a"}})


@pytest.mark.usefixtures("_installed")
def test_a_check_loads_what_these_settings_do_not_ask_for() -> None:
    with pytest.raises(ConfigError, match="picks 1"):
        load_plugins()
