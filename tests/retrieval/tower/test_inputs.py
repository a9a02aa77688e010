from __future__ import annotations

import json

import numpy as np
import pandas as pd

from recsys_tasks.config import Attribute
from recsys_tasks.retrieval.tower.inputs import (
    EMPTY,
    ValueSettings,
    Vocabulary,
    extend_vocabulary,
    value_rows,
)

SETTINGS = ValueSettings(numeric_buckets=2, text_buckets=1000, max_values=4)
BRAND = Attribute(name="brand", kind="categorical")
TAGS = Attribute(name="tags", kind="multi")
PRICE = Attribute(name="price", kind="numeric")
TITLE = Attribute(name="title_words", kind="text")
FRAME = pd.DataFrame(
    {
        "brand": ["OPI", None, "Essie"],
        "tags": ["a|b", "b", None],
        "price": [1.0, 3.0, np.nan],
        "title_words": ["Red Nail", "red!", ""],
    }
)
ALL = np.arange(3, dtype=np.int32)


def test_tokens_are_sorted_and_rows_start_at_one() -> None:
    vocabulary, rows = extend_vocabulary(EMPTY, FRAME, ALL, [BRAND, TAGS], SETTINGS)
    assert vocabulary.tokens == ("brand=Essie", "brand=OPI", "tags=a", "tags=b")
    assert rows.tolist() == [[2, 3, 4], [4, 0, 0], [1, 0, 0]]


def test_numeric_values_fall_into_quantile_buckets() -> None:
    vocabulary, rows = extend_vocabulary(EMPTY, FRAME, ALL, [PRICE], SETTINGS)
    assert vocabulary.edges == {
        "price": (2.0,)
    }  # the median of 1 and 3; missing values have no token
    assert rows.tolist() == [[1], [2], [0]]


def test_words_are_lower_case_without_signs_and_followed_by_pairs_of_neighbours() -> None:
    vocabulary, rows = extend_vocabulary(EMPTY, FRAME, ALL, [TITLE], SETTINGS)
    assert len(vocabulary.tokens) == 3  # red, nail, "red nail"
    assert (rows[0] > 0).all()
    assert rows[1].tolist() == [rows[0, 0], 0, 0]
    assert rows[2].tolist() == [0, 0, 0]


def test_pairs_of_words_give_way_to_words() -> None:
    frame = pd.DataFrame({"title_words": ["red nail polish set", "set nail"]})
    _, rows = extend_vocabulary(EMPTY, frame, ALL[:2], [TITLE], SETTINGS)  # four values at most
    assert set(rows[1, :2]) < set(
        rows[0]
    )  # its words are among the first title's four values; "set nail" is not
    assert rows[1, 2] not in rows[0]


def test_words_and_then_their_pairs_give_way_to_every_other_attribute() -> None:
    frame = pd.DataFrame(
        {"title_words": ["red nail polish set"], "brand": ["OPI"], "price": [1.0], "tags": ["a"]}
    )
    for declared in (
        [TITLE, BRAND, PRICE, TAGS],
        [BRAND, PRICE, TAGS, TITLE],
        [BRAND, TITLE, PRICE, TAGS],
    ):
        vocabulary, rows = extend_vocabulary(EMPTY, frame, ALL[:1], declared, SETTINGS)
        assert len(vocabulary.tokens) == 3 + 4 + 3  # three values, four words, three pairs
        found = [vocabulary.tokens[row - 1] for row in rows[0]]  # four at most
        assert found[:3] == ["brand=OPI", "price[1]", "tags=a"]
        assert found[3].startswith("title_words#")


def test_pairs_of_one_text_give_way_to_words_of_another() -> None:
    frame = pd.DataFrame({"title_words": ["red nail"], "about": ["long lasting"]})
    about = Attribute(name="about", kind="text")
    vocabulary, rows = extend_vocabulary(EMPTY, frame, ALL[:1], [TITLE, about], SETTINGS)
    assert len(vocabulary.tokens) == 6
    assert [vocabulary.tokens[row - 1].split("#")[0] for row in rows[0]] == ["title_words"] * 2 + [
        "about"
    ] * 2


def test_a_numeric_column_that_comes_late_gets_edges_with_its_first_values() -> None:
    empty = FRAME.assign(price=np.nan)
    before, rows = extend_vocabulary(EMPTY, empty, ALL, [PRICE], SETTINGS)
    assert rows.tolist() == [[0], [0], [0]]
    after, rows = extend_vocabulary(before, FRAME, ALL, [PRICE], SETTINGS)
    assert after.edges == {"price": (2.0,)}
    assert rows.tolist() == [[1], [2], [0]]


def test_extending_keeps_rows_and_edges() -> None:
    old, _ = extend_vocabulary(EMPTY, FRAME, ALL, [BRAND, PRICE], SETTINGS)
    later = pd.DataFrame({"brand": ["Aaa"], "price": [100.0]})
    new, rows = extend_vocabulary(old, later, ALL[:1], [BRAND, PRICE], SETTINGS)
    assert new.tokens == (*old.tokens, "brand=Aaa")
    assert new.edges == old.edges
    assert rows.tolist() == value_rows(new, later, [BRAND, PRICE], SETTINGS).tolist() == [[5, 4]]
    # brand=Essie 1, brand=OPI 2, price[0] 3, price[1] 4 were there; brand=Aaa is 5


def test_what_does_not_exist_yet_adds_nothing_to_the_vocabulary() -> None:
    vocabulary, rows = extend_vocabulary(EMPTY, FRAME, ALL[1:], [BRAND, PRICE], SETTINGS)
    # Without the first item there is no brand=OPI, and 3.0 is the only price: an edge, which 1.0
    # lies below.
    assert vocabulary.tokens == ("brand=Essie", "price[1]")
    assert vocabulary.edges == {"price": (3.0,)}
    assert rows.tolist() == [[0], [2], [1]]


def test_unknown_values_are_left_out_and_values_are_capped() -> None:
    vocabulary, _ = extend_vocabulary(EMPTY, FRAME, ALL, [TAGS], SETTINGS)
    later = pd.DataFrame({"tags": ["zzz|b|a|b", "zzz"]})
    assert value_rows(vocabulary, later, [TAGS], SETTINGS).tolist() == [[2, 1], [0, 0]]
    one = ValueSettings(2, 1000, max_values=1)
    assert value_rows(vocabulary, later, [TAGS], one).tolist() == [[2], [0]]


def test_vocabulary_survives_json() -> None:
    vocabulary, _ = extend_vocabulary(EMPTY, FRAME, ALL, [BRAND, PRICE], SETTINGS)
    assert Vocabulary.from_json(json.loads(json.dumps(vocabulary.to_json()))) == vocabulary


def test_no_attributes_give_one_empty_column() -> None:
    assert value_rows(EMPTY, FRAME, [], SETTINGS).tolist() == [[0], [0], [0]]
