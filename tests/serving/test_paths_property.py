"""Over random shops and calls, no place of any path breaks the repeat policy, availability or a
block.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from recsys_tasks.database import create_engine
from recsys_tasks.serving.pointer import rollback
from tests.serving import nights
from tests.serving.conftest import empty_schema
from tests.serving.nights import sell_out
from tests.serving.path_rules import (
    ITEMS,
    USERS,
    Shop,
    blocked,
    check_calls,
    check_views,
    forbidden_to,
    frozen,
    offered,
    shops,
    show,
)

# --- the slow reference ---------------------------------------------------------------------------


# --- the real publication -------------------------------------------------------------------------


# --- what readers may see -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engines(postgres: Mapping[str, str]) -> Iterator[tuple[Engine, Engine]]:
    made = create_engine(postgres["recsys"]), create_engine(postgres["recsys_reader"])
    yield made
    for engine in made:
        engine.dispose()


# Without shrinking: an example is a night or two, so a failure would take minutes to be told.
QUIET: dict[str, Any] = {
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": list(HealthCheck),
}
PHASES = (Phase.explicit, Phase.generate)
STOCK = st.dictionaries(st.integers(0, ITEMS - 1), st.booleans(), max_size=5)
"""Item → whether it is there, reported after both nights' cutoffs."""


ALL = (True,) * ITEMS
# Moderators take 2 and 3 out on the second night, which is rolled back; the stock system reports
# both there.
HIDDEN_LATER = Shop(
    events=tuple((user, item, 3600 + item) for user in range(USERS) for item in (0, 4, 5)),
    segments=("nl",) * USERS,
    available=(ALL, ALL),
    launches=(0,) * ITEMS,
    hidden=(frozenset(), frozenset({"i02", "i03"})),
    policy="forbid",
    k=5,
    spares=3,
    within_days=90,
    seed=1,
)


# Popular items are Dutch or for adults: a French child and a stranger have to be shown what is
# behind them.
BY_LANGUAGE_AND_AGE = replace(
    HIDDEN_LATER,
    hidden=(frozenset(), frozenset()),
    policy="allow",
    rules=(
        {"item": "language", "must": "match", "user": "speaks", "otherwise": None},
        {"item": "limit", "must": "be_at_most", "user": "age", "otherwise": 12.0},
    ),
    people=(("nl", 44.0), ("fr", 12.0), ("nl|fr", None), (None, 16.0), *((None, None),) * 3),
    goods=(
        *(("nl", None), (None, 18.0)) * 3,
        *(("fr", 6.0), (None, None), ("fr", 16.0)),
        *((None, None),) * 4,
    ),
    k=3,
)


@settings(max_examples=6, phases=PHASES, **QUIET)
@example(shop=HIDDEN_LATER, stock={2: True, 3: True})
@example(shop=BY_LANGUAGE_AND_AGE, stock={})
@given(shop=shops(), stock=STOCK)
def test_no_place_of_any_path_breaks_a_rule(
    postgres: Mapping[str, str], engines: tuple[Engine, Engine], shop: Shop, stock: dict[int, bool]
) -> None:
    check_two_nights(postgres, *engines, shop, stock)


@pytest.mark.slow
@settings(max_examples=200, phases=PHASES, **QUIET)
@given(shop=shops(), stock=STOCK)
def test_nor_over_hundreds_of_shops(
    postgres: Mapping[str, str], engines: tuple[Engine, Engine], shop: Shop, stock: dict[int, bool]
) -> None:
    check_two_nights(postgres, *engines, shop, stock)


def check_two_nights(
    postgres: Mapping[str, str], writer: Engine, reader: Engine, shop: Shop, stock: dict[int, bool]
) -> None:
    """A night, reports of stock, a second night under other settings, and a rollback; readers ask
    after each.
    """
    empty_schema(postgres["recsys_owner"])
    with tempfile.TemporaryDirectory() as folder:
        first = show(shop, 0, frozen(shop, 0, Path(folder)), writer)
        if first is None:
            return
        forbidden, offer = forbidden_to(shop, 0), offered(shop, 0)
        check_calls(reader, shop, forbidden, offer, full=True)
        check_views(reader, forbidden, offer, offer)
        for available in (False, True):
            sell_out(
                postgres,
                *(f"i{n:02d}" for n, is_there in stock.items() if is_there is available),
                available=available,
            )
        now = (offer - {n for n, there in stock.items() if not there}) | {
            n for n, there in stock.items() if there
        }
        check_calls(reader, shop, forbidden, now - blocked(shop, 0), full=False)
        check_views(reader, forbidden, offer, now - blocked(shop, 0))
        if show(shop, 1, frozen(shop, 1, Path(folder)), writer) is None:
            return
        second = offered(shop, 1)  # stock was reported after both cutoffs: it stays
        told = {n for n, there in stock.items() if there} | (
            second - {n for n, there in stock.items() if not there}
        )
        check_calls(reader, shop, forbidden_to(shop, 1), told - blocked(shop, 1), full=False)
        rollback(writer, who="me", why="test", now=nights.NOW, to=first.id)
        check_calls(reader, shop, forbidden, told - blocked(shop, 1), full=False)
