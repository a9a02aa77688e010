"""`eligibility.rules` read slowly and plainly, and random ones: a language to speak, an age."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

Person = tuple[str | None, float | None]
"""Languages, joined by |, and age."""
Good = tuple[str | None, float | None]
"""Language and age limit of an item."""


def people(number: int) -> st.SearchStrategy[tuple[Person, ...]]:
    speaks = st.sampled_from([None, "nl", "fr", "nl|fr", "de"])
    one = st.tuples(speaks, st.sampled_from([None, 12.0, 16.0, 44.0]))
    return st.lists(one, min_size=number, max_size=number).map(tuple)


def goods(number: int) -> st.SearchStrategy[tuple[Good, ...]]:
    limits = st.sampled_from([None, None, 6.0, 16.0, 18.0])
    one = st.tuples(st.sampled_from([None, "nl", "fr"]), limits)
    return st.lists(one, min_size=number, max_size=number).map(tuple)


def user_rules() -> st.SearchStrategy[tuple[dict[str, Any], ...]]:
    """None, a language, an age, or both."""
    speaks = st.builds(
        lambda value: {"item": "language", "must": "match", "user": "speaks", "otherwise": value},
        st.sampled_from([None, "fr"]),
    )
    old = st.builds(
        lambda value: {"item": "limit", "must": "be_at_most", "user": "age", "otherwise": value},
        st.sampled_from([None, 12.0]),
    )
    return st.one_of(st.just(()), st.tuples(speaks), st.tuples(old), st.tuples(speaks, old))


def kept_from(rules: Sequence[dict[str, Any]], person: Person, offered: Sequence[Good]) -> set[int]:
    """Items, by number, that the rules keep from a person."""
    (speaks, age), found = person, set()
    for rule in rules:
        for item, (language, limit) in enumerate(offered):
            if rule["item"] == "language" and language is not None:
                spoken = (speaks or rule["otherwise"] or "").split("|")
                found |= set() if language in spoken else {item}
            if rule["item"] == "limit" and limit is not None:
                old = age if age is not None else rule["otherwise"]
                found |= set() if old is not None and limit <= old else {item}
    return found
