"""Backup and restore of real nights: what readers see, what is refused, and the next night."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.commands.backup import back_up, restore
from recsys_tasks.commands.erase_user import Request, erase_user
from recsys_tasks.config import Environment
from recsys_tasks.database import create_engine, urls
from recsys_tasks.errors import ArtifactError, ConfigError, ServingError
from recsys_tasks.lake import Lake
from recsys_tasks.snapshot.erased_users import read_erased
from recsys_tasks.stages import Night, local_environment, run_all
from recsys_tasks.stages.work_locks import at_work
from tests.stages.finished_nights import (
    FinishedNights,
    finished_first_night,
    running_copy,
    shop_of,
)
from tests.stages.shop_nights import FIRST_NIGHT, running_shop

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations" / "backup.md"
NOW = datetime(2026, 2, 17, 12, tzinfo=UTC)
LISTS = "SELECT * FROM recsys.recommendations ORDER BY user_id, rank"


def lists(home: Path) -> pd.DataFrame:
    engine = create_engine(urls(home)["recsys_reader"])
    with engine.connect() as connection:
        found = pd.read_sql_query(sa.text(LISTS), connection)
    engine.dispose()
    return found


@dataclass(frozen=True)
class Kept:
    """A backup of both nights; what readers saw then; a user who was erased after, and the list of
    erased users since.
    """

    folder: Path
    shown: pd.DataFrame
    gone: str
    erased: Path


@pytest.fixture(scope="module")
def kept(finished_nights: FinishedNights, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = tmp_path_factory.mktemp("kept")
    with running_copy(finished_nights.folder, folder) as (_, first, _):
        environment, engine = _placed(first.environment, folder), first.engine
        with at_work(engine, first.lake), pytest.raises(ServingError, match="no stage of a night"):
            back_up(environment, folder / "refused", NOW)
        done = back_up(environment, folder / "backup", NOW)
        assert done.about.night == "2026-02-17" and not done.left_out
        shown = lists(environment.home)
        gone = str(shown["user_id"].iloc[0])
        erase_user(environment, Request(gone, "ann", "asked", NOW))
        newest = read_erased(Lake(environment.lake))
        assert [entry.who for entry in newest.entries] == ["ann"]
        (erased,) = (folder / "home" / "lake" / "erased" / "users").glob("*/erased.json")
        shutil.copy(erased, folder / "erased.json")
    return Kept(folder / "backup", shown, gone, folder / "erased.json")


def _placed(environment: Environment, folder: Path) -> Environment:
    return environment.model_copy(update={"config_path": folder / "recsys.yaml"})


def empty_home(folder: Path) -> Environment:
    return Environment(
        home=folder / "home",
        lake=str(folder / "home" / "lake"),
        database_url=None,
        mlflow_url=None,
        config_path=folder / "recsys.yaml",
    )


def test_the_commands_of_the_page_bring_readers_lists_back_and_the_erased_stay_erased(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every line of the page's second block, in order; those of the first made what it reads."""
    made, brought = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(), flags=re.M | re.S)
    assert made.startswith("recsys backup /backups/") and "erased/users/*/erased.json" in made
    monkeypatch.setenv("RECSYS_CONFIG", str(tmp_path / "recsys.yaml"))
    monkeypatch.delenv("RECSYS_LAKE", raising=False)
    shown: dict[str, pd.DataFrame] = {}
    with ExitStack() as running:
        for line in brought.splitlines():
            words = shlex.split(line, comments=True)
            places = {"/backups/2026-03-02": kept.folder, "/backups/erased.json": kept.erased}
            words = [
                str(places.get(word, word)).replace("/srv/new", str(tmp_path / "h"))
                for word in words
            ]
            if words[0] == "export":
                monkeypatch.setenv(*words[1].split("=", 1))
                continue
            result = CliRunner().invoke(app, words[1:])
            assert result.exit_code == 0, (line, result.output)
            if words[1] == "restore":
                # for the commands after it
                running.enter_context(local_environment(tmp_path / "h"))
            shown[words[1]] = lists(tmp_path / "h")
            if words[1] == "erase-again":
                assert "erased again: 1; nobody here by that name: 0" in result.output
    pd.testing.assert_frame_equal(shown["restore"], kept.shown)
    others = kept.shown[kept.shown["user_id"] != kept.gone].reset_index(drop=True)
    pd.testing.assert_frame_equal(shown["status"], others)
    assert (tmp_path / "recsys.yaml").read_bytes() == (
        kept.folder.parent / "recsys.yaml"
    ).read_bytes()


def test_a_damaged_backup_is_refused_before_anything_is_written(kept: Kept, tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(kept.folder, copied, copy_function=os.link)
    victim = next(iter(sorted((copied / "lake" / "ids" / "users").rglob("*.parquet"))))
    whole = victim.read_bytes()
    name = str(victim.relative_to(copied))
    for content, words in (
        (whole[:-1], "bytes instead of"),
        (whole[:-1] + bytes([whole[-1] ^ 1]), "other bytes"),
        (None, "not there"),
    ):
        victim.unlink()  # a link: the backup's own file stays
        if content is not None:
            victim.write_bytes(content)
        with pytest.raises(ArtifactError) as caught:
            restore(empty_home(tmp_path), copied)
        assert name in caught.value.found and words in caught.value.found
        assert not (tmp_path / "home").exists()


def test_what_is_no_backup_or_no_empty_place_is_refused(kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "cut short").mkdir()
    with pytest.raises(ConfigError, match=r"no backup\.json"):
        restore(empty_home(tmp_path), tmp_path / "cut short")
    copied = tmp_path / "newer"
    copied.mkdir()
    about = json.loads((kept.folder / "backup.json").read_text())
    (copied / "backup.json").write_text(json.dumps({**about, "revision": "9999"}))
    with pytest.raises(ConfigError, match="restore with that version or a later one"):
        restore(empty_home(tmp_path), copied)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="a home that is new or empty"):
        restore(empty_home(tmp_path), kept.folder)
    assert (tmp_path / "home" / "notes.txt").read_text() == "mine"


@pytest.mark.slow
def test_the_next_night_is_warm_and_makes_the_very_lists_of_an_unbroken_home(
    finished_nights: FinishedNights, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, place = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")
    with running_copy(finished_first_night(tmp_path_factory).folder, folder) as (_, first, _):
        seen = lists(first.environment.home).groupby("user_id").item_id.agg(list)
        back_up(_placed(first.environment, folder), folder / "backup", NOW)
    restore(empty_home(place), folder / "backup")
    with running_shop(place) as (config, _, second):
        shop = shop_of(config, second.environment.home)
        shop.simulate_day(FIRST_NIGHT, {str(user): items for user, items in seen.items()})
        two = {result.stage: result for result in run_all(second)}
        brought = _comparable(second)
    assert two["train_two_tower"].figures["start"] == "warm"
    assert two["extract"].figures["new_days"] == 1
    with running_copy(finished_nights.folder, tmp_path_factory.mktemp("unbroken")) as (_, _, night):
        pd.testing.assert_frame_equal(brought, _comparable(night))


def _comparable(night: Night) -> pd.DataFrame:
    return lists(night.environment.home)[["user_id", "rank", "item_id", "as_of"]]
