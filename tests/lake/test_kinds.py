"""The catalogue of kinds: what is written is declared, and what is declared can be kept."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from recsys_tasks.clock import Cutoffs
from recsys_tasks.errors import ArtifactError
from recsys_tasks.lake import Draft, Lake
from recsys_tasks.lake.keys import (
    CutoffsKey,
    EmbeddingsKey,
    Key,
    LineageName,
    ListsKey,
    NameKey,
    NightKey,
    Reference,
    ReleaseKey,
    TowerKey,
    publication_token,
)
from recsys_tasks.lake.kinds import Holding, Kind, catalogue, night_of
from recsys_tasks.privacy.lake import eraser_of

NIGHT, BEFORE = date(2026, 3, 10), date(2026, 3, 9)


def test_a_kind_that_is_not_declared_is_not_written(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with pytest.raises(ArtifactError, match="'diary'"), lake.writing("diary", "k"):
        pass
    with pytest.raises(ArtifactError, match="'diary'"):
        lake.make("diary", "k", inputs={}, write=_write)
    assert list(tmp_path.iterdir()) == []


def _write(draft: Draft) -> None:
    (draft.path / "a.txt").write_text("a")


@pytest.mark.parametrize("kind", catalogue().values(), ids=catalogue())
def test_every_kind_has_rules_that_can_be_carried_out(kind: Kind) -> None:
    assert callable(eraser_of(kind)) and set(kind.files.values()) <= set(Holding)
    assert Holding.OTHER not in kind.files.values() or kind.eraser


def test_who_is_not_said_to_make_a_kind_cannot_make_it(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=f"{__name__} writes decision, which is made by"):
        Lake(tmp_path).make("decision", "k", inputs={}, write=_write)


@pytest.mark.parametrize(
    ("key", "text", "night"),
    [
        (NameKey("users"), "users", None),
        (NightKey(NIGHT), "2026-03-10", NIGHT),
        (CutoffsKey(BEFORE, NIGHT), str(Cutoffs(BEFORE, NIGHT)), NIGHT),
        (TowerKey("abc-20260101", BEFORE), "abc-20260101.2026-03-09", BEFORE),
        (
            EmbeddingsKey(TowerKey("abc-20260101", BEFORE), NIGHT),
            "abc-20260101.2026-03-09@2026-03-10",
            NIGHT,
        ),
        (ReleaseKey(NIGHT, "ab12cd"), "r20260310-ab12cd", NIGHT),
        (ListsKey("2026-03-10-00ff", 3), "2026-03-10-00ff.3", NIGHT),
    ],
)
def test_a_key_is_parsed_as_it_was_written(key: Key, text: str, night: date | None) -> None:
    assert (str(key), type(key).parse(text), key.night) == (text, key, night)


@pytest.mark.parametrize(
    "kind", [NightKey, CutoffsKey, TowerKey, EmbeddingsKey, ReleaseKey, ListsKey]
)
def test_another_text_is_no_key(kind: type[Key]) -> None:
    with pytest.raises(ValueError):
        kind.parse("noise")


def test_names_inside_keys_are_read_as_they_are_written() -> None:
    reference = Reference("tower", "abc-20260101.2026-03-09", "000001-ab12cd34")
    assert str(reference) == "tower/abc-20260101.2026-03-09/000001-ab12cd34"
    assert Reference.parse(str(reference)) == reference
    lineage = LineageName("abc", date(2026, 1, 1))
    assert str(lineage) == "abc-20260101" and LineageName.parse("abc-20260101") == lineage
    assert str(lineage).startswith(LineageName.prefix("abc"))
    token = publication_token(NIGHT, "0123456789abcdef0123")
    assert token == "2026-03-10-0123456789abcdef"
    assert ListsKey.parse(f"{token}.3").night == NIGHT
    with pytest.raises(ValueError, match="3"):
        Reference.parse("tower/abc")


@pytest.mark.parametrize(
    ("kind", "key", "night"),
    [
        ("snapshot", "2026-03-10", NIGHT),
        ("features", "2026-03-09_2026-03-10", NIGHT),
        ("embeddings", "abc-20260101.2026-03-09@2026-03-10", NIGHT),
        ("ids", "users", None),
        ("snapshot", "k", None),
        ("diary", "2026-03-10", None),
    ],
)
def test_the_night_of_an_artifact_is_told_by_the_form_of_its_kinds_key(
    kind: str, key: str, night: date | None
) -> None:
    assert night_of(kind, key) == night
