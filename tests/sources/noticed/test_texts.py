"""Texts that nobody would write, told by a night, quoted with what cannot be seen spelt out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from recsys_tasks.sources.base import source_of
from recsys_tasks.sources.noticed.texts import alike_ids, damaged_words, unseen_words
from tests.snapshot.shops import LiteralShop

COLOUR = {"name": "colour", "kind": "categorical"}


def column(*values: str | None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.string())])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ring\x07", "\\x07"),
        ("zero\u200bwidth", "\\u200b"),
        ("\ufeffmark", "\\ufeff"),
        ("abc\u202edef", "\\u202e"),
        ("next\x85line", "\\x85"),
        ("del\x7f", "\\x7f"),
    ],
)
def test_characters_that_cannot_be_seen(text: str, shown: str) -> None:
    (words,) = unseen_words(column("Lamp", text, None), "items.title")
    assert words.startswith("items.title: 1 values hold characters that cannot be seen ('")
    assert shown in words
    (words,) = unseen_words(column("ann", text), "events.user_id")
    assert shown in words
    assert "abc" not in words
    assert "zero" not in words


@pytest.mark.parametrize(
    "text",
    [
        *(
            "Größe 5",
            "日本語",
            "عربي\u200f نص",
            "می\u200cخواهم",
            "👨\u200d👩\u200d👧",
            "two\nlines",
            "tab\there",
        ),
        *("naïve", "e\u0301", "Ñandú", "½ l", "a–b", "„quoted“"),
    ],
)
def test_texts_of_every_language_are_texts(text: str) -> None:
    assert list(unseen_words(column(text), "items.title")) == []
    assert list(damaged_words(column(text), "items.title")) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("GrÃ¶ÃŸe", "letters of UTF-8 that were read as another encoding"),
        ("donâ€™t", "letters of UTF-8 that were read as another encoding"),
        ("Gr\ufffdn", "a sign that stands for a lost letter"),
        ("Tom &amp; Jerry", "HTML"),
        ("<b>Sale</b>", "HTML"),
        ("#REF!", "which a spreadsheet shows in place of one"),
        ("#N/A", "source.null_words"),
        ("#BEZUG!", "which a spreadsheet shows in place of one"),
    ],
)
def test_texts_that_were_damaged_on_their_way(text: str, words: str) -> None:
    (found,) = damaged_words(column("Lamp", text), "items.title")
    assert words in found
    assert repr(text) in found


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ("sofa", "sofa ", "blanks, characters that cannot be seen"),
        ("sofa", "so\u200bfa", "blanks, characters that cannot be seen"),
        ("caf\u00e9", "cafe\u0301", "the form of letters"),
        ("sofa", "SOFA", "in case alone"),
    ],
)
def test_ids_that_are_one_to_the_eye(one: str, other: str, words: str) -> None:
    ids = pa.array(["lamp", one, other])
    (found,) = alike_ids(ids, "item_id")
    assert found.startswith("item_id: 2 ids differ from another in")
    assert words in found
    assert ascii(one) in found
    (of_users,) = alike_ids(ids, "user_id")
    assert "sofa" not in of_users.lower()
    assert list(alike_ids(pa.array(["lamp", one, "7", "07", "7.0"]), "item_id")) == []


def told(folder: Path, users: list[str], **columns: list[str]) -> dict[str, str]:
    rows = [(user, "i0", (5, n)) for n, user in enumerate(users)]
    items = pd.DataFrame({"item_id": [f"i{n}" for n in range(4)], **columns})
    attributes = [COLOUR] if "colour" in columns else []
    title = "title" if "title" in columns else None
    settings: dict[str, Any] = {"items": {"title_column": title, "attributes": attributes}}
    made = LiteralShop(folder, rows, items=items, settings=settings)
    report = made.night(6).report
    return {check.name: check.observed for check in report.warnings}


def test_a_night_tells_of_each_kind_and_passes(tmp_path: Path) -> None:
    titles, colours = ["Lamp\x07", "Sofa", "#N/A", "Rug"], ["Red", "red ", "blue", "green"]
    found = told(tmp_path, ["ann", "Ann", "bob", "bob "], title=titles, colour=colours)
    assert "items.title: 1 values hold characters" in found["unseen_characters"]
    assert "items.title: 1 values are '#N/A'" in found["damaged_texts"]
    assert "user_id: 2 ids differ from another in blanks" in found["alike_ids"]
    assert "user_id: 2 ids differ from another in case alone" in found["alike_ids"]
    assert "items.colour: 2 values differ from another in case" in found["alike_values"]
    assert "'Red' and 'red '" in found["alike_values"]


def test_a_usual_night_tells_of_none(tmp_path: Path) -> None:
    found = told(tmp_path, ["ann", "bob"], title=["Lamp", "Sofa", "Rug", "Bed"], colour=["a"] * 4)
    assert found == {}


def test_users_and_items_that_were_exchanged_in_a_part(tmp_path: Path) -> None:
    rows = [(f"u{n}", f"i{n % 4}", (5, n)) for n in range(40)]
    rows += [(item, user, when) for user, item, when in rows]
    made = LiteralShop(tmp_path, rows, items=sorted({row[1] for row in rows}))
    told = {check.name: check.observed for check in made.night(6).report.warnings}
    assert "44 ids are those of users and of items" in told["ids_in_both"]


def test_config_check_tells_of_the_first_rows(tmp_path: Path) -> None:
    items = pd.DataFrame({"item_id": ["i0"], "name": ["Caf&eacute;\x07"]})
    settings = {"items": {"title_column": "name"}}
    made = LiteralShop(tmp_path, [("ann", "i0", (5, 1))], items=items, settings=settings)
    made.deliver()
    found = source_of(made.config).examine(made.config, made.config.source)
    text = "; ".join(words for _, words in found)
    assert "title: 1 values hold characters that cannot be seen ('Caf&eacute;\\x07')" in text
    assert "title: 1 values hold HTML" in text
