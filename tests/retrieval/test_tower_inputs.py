from __future__ import annotations

import json

import numpy as np
import pandas as pd

from recsys_tasks.config import Attribute
from recsys_tasks.retrieval.tower_inputs import (
    EMPTY,
    ValueSettings,
    Vocabulary,
    content_means,
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


def test_tokens_are_sorted_and_rows_start_at_one() -> None:
    vocabulary = extend_vocabulary(EMPTY, FRAME, [BRAND, TAGS], SETTINGS)
    assert vocabulary.tokens == ("brand=Essie", "brand=OPI", "tags=a", "tags=b")
    rows = value_rows(vocabulary, FRAME, [BRAND, TAGS], SETTINGS)
    assert rows.tolist() == [[2, 3, 4], [4, 0, 0], [1, 0, 0]]


def test_numeric_values_fall_into_quantile_buckets() -> None:
    vocabulary = extend_vocabulary(EMPTY, FRAME, [PRICE], SETTINGS)
    assert vocabulary.edges == {"price": (2.0,)}  # the median of 1 and 3; missing values have no token
    assert value_rows(vocabulary, FRAME, [PRICE], SETTINGS).tolist() == [[1], [2], [0]]


def test_words_are_lower_case_without_signs() -> None:
    vocabulary = extend_vocabulary(EMPTY, FRAME, [TITLE], SETTINGS)
    rows = value_rows(vocabulary, FRAME, [TITLE], SETTINGS)
    assert len(vocabulary.tokens) == 2  # red, nail
    assert rows[0, 0] == rows[1, 0] > 0
    assert rows[2].tolist() == [0, 0]


def test_extending_keeps_rows_and_edges() -> None:
    old = extend_vocabulary(EMPTY, FRAME, [BRAND, PRICE], SETTINGS)
    later = pd.DataFrame({"brand": ["Aaa"], "price": [100.0]})
    new = extend_vocabulary(old, later, [BRAND, PRICE], SETTINGS)
    assert new.tokens == (*old.tokens, "brand=Aaa")
    assert new.edges == old.edges


def test_unknown_values_are_left_out_and_values_are_capped() -> None:
    vocabulary = extend_vocabulary(EMPTY, FRAME, [TAGS], SETTINGS)
    later = pd.DataFrame({"tags": ["zzz|b|a|b", "zzz"]})
    assert value_rows(vocabulary, later, [TAGS], SETTINGS).tolist() == [[2, 1], [0, 0]]
    one = ValueSettings(2, 1000, max_values=1)
    assert value_rows(vocabulary, later, [TAGS], one).tolist() == [[2], [0]]


def test_vocabulary_survives_json() -> None:
    vocabulary = extend_vocabulary(EMPTY, FRAME, [BRAND, PRICE], SETTINGS)
    assert Vocabulary.from_json(json.loads(json.dumps(vocabulary.to_json()))) == vocabulary


def test_no_attributes_give_one_empty_column() -> None:
    assert value_rows(EMPTY, FRAME, [], SETTINGS).tolist() == [[0], [0], [0]]


def test_a_new_item_starts_between_its_content_neighbours() -> None:
    values = np.array([[1, 0], [1, 0], [2, 0], [1, 2], [0, 0]], np.int32)
    vectors = np.array([[1, 0], [3, 0], [0, 4], [0, 0], [0, 0]], np.float32)
    known = np.array([True, True, True, False, False])
    found = content_means(values, vectors, known, ~known)
    # Value 1: mean (2, 0), 2 of m = 5 items, rarity log(6/2); value 2: mean (0, 4), rarity log(6/1).
    a, b = np.log(3.0), np.log(6.0)
    np.testing.assert_allclose(found[3], [2 * a / (a + b), 4 * b / (a + b)], rtol=1e-5)
    assert found[[0, 1, 2, 4]].tolist() == [[0, 0]] * 4
