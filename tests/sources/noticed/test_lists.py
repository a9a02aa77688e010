"""Lists that were printed as text, and values that another sign joins than the declared one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from recsys_tasks.sources.base import open_source
from recsys_tasks.sources.columns import as_values
from recsys_tasks.sources.noticed.lists import separator_words
from tests.snapshot.shops import LiteralShop


def read(texts: list[str | None], separator: str = "|") -> list[str | None]:
    column = pa.chunked_array([pa.array(texts, pa.string())])
    found: list[str | None] = as_values(column, separator).to_pylist()
    return found


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('["a","b"]', "a|b"),
        ('["red, dark", "b"]', "red, dark|b"),
        ("['a', 'b']", "a|b"),
        ("['it\\'s', \"b\"]", "it's|b"),
        ('["a", null, 5, 1.5]', "a|5|1.5"),
        ("[None, 'a']", "a"),
        ("{a,b}", "a|b"),
        ('{"b c",d}', "b c|d"),
        ("[]", None),
        ("{}", None),
        (' ["a"] ', "a"),
    ],
)
def test_lists_as_programs_print_them(text: str, values: str | None) -> None:
    assert read([text, None, ""]) == [values, None, None]


@pytest.mark.parametrize(
    "texts",
    [
        ["[red]", "[blue]"],
        ['["a","b"]', "c|d"],
        ['["a"', '["b"]'],
        ['{"a": 1}', '{"b": 2}'],
        ['[["a"]]', '["b"]'],
        ["a|b", "c"],
        ["__import__('os')", "['a']"],
    ],
)
def test_texts_that_only_look_like_lists_stay_as_they_are(texts: list[str | None]) -> None:
    assert read(texts) == texts


def test_a_separator_within_a_printed_list_is_refused() -> None:
    with pytest.raises(ValueError, match="choose another `separator`"):
        read(['["a|b"]'])


def words(values: list[str], separator: str = "|") -> list[str]:
    return list(separator_words(pa.chunked_array([values]), "items.tags", separator))


def test_another_sign_than_the_declared_one() -> None:
    (found,) = words(["a;b", "c;d", "a"])
    assert "no value holds '|', and many hold ';', as 'a;b'; set the attribute's separator" in found
    (found,) = words(["a;b|c", "c;d|a"])
    assert "values joined by '|' hold ';', too, as 'a;b'" in found
    assert words(["Home, Garden|Tools", "Beds, Sofas"]) == []
    assert words(["a|b", "c"]) == []
    assert words(["a,b", "c,d"], ",") == []


def test_a_night_reads_lists_and_tells_of_signs(tmp_path: Path) -> None:
    items = pd.DataFrame(
        {"item_id": ["i0", "i1"], "tags": ['["a","b"]', "[]"], "kinds": ["x;y", "y;z"]}
    )
    attributes = [{"name": name, "kind": "multi"} for name in ("tags", "kinds")]
    settings: dict[str, Any] = {"items": {"attributes": attributes}}
    made = LiteralShop(tmp_path, [("ann", "i0", (5, 1))], items=items, settings=settings)
    night = made.night(6)
    assert open_source(made.config, tmp_path).read_items()["tags"].to_pylist() == ["a|b", None]
    told = {check.name: check.observed for check in night.report.warnings}
    assert "items.kinds: no value holds '|'" in told["separators"]
