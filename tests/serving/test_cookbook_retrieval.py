"""The cookbook's queries on retrieval and towers, and what is documented of the schema."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks.database import create_engine
from recsys_tasks.serving.dictionary import data_dictionary
from recsys_tasks.stages.records import record_tower, recorded_towers
from tests.serving.cookbook_nights import (
    ROOT,
    ask,
    plain,
)
from tests.serving.nights import stock


def test_the_retrieval_queries_give_what_was_learned(two_nights: Engine) -> None:
    found = ask(two_nights, "What does each generator")
    assert plain(found, "generator", "recall", "found_by_it_alone") == [
        ("fresh", 0.5, 0.25),
        ("union", 0.5, 0.5),
        ("two_tower", 0.25, 0.125),
    ]
    towers = ask(two_nights, "Did the tower get")
    columns = (
        "start",
        "why",
        "recall_cold",
        "kept",
        "new",
        "drift",
        "examples",
        "replayed",
        "seconds",
        "recall_before",
        "gain",
        "refresh_ok",
    )
    assert plain(towers, *columns) == [
        ("warm", None, 0.625, 8, 1, Decimal("0.0123"), 10, 30, 1.0, 0.5, 0.25, True),
        ("cold", "the first version", None, 0, 8, 0, 90, 0, 9.5, None, None, True),
    ]
    with two_nights.connect() as connection:
        losses = connection.scalars(
            sa.text("SELECT loss FROM recsys.tower_versions ORDER BY learned_before")
        )
        assert list(losses) == [2.0, 1.5]  # of the last pass
    # Cosines of (.6, .8) with (1, 0), (0, 1), (-1, 0): .6, .8, -.6.
    alike = plain(ask(two_nights, "Which users are like"), "similar_user_id", "similarity")
    assert [(user, round(float(value), 6)) for user, value in alike] == [
        ("u2", 0.8),
        ("u0", 0.6),
        ("u3", -0.6),
    ]
    assert plain(ask(two_nights, "Which items are nearest"), "item_id") == [
        ("i1",),
        ("i2",),
        ("i0",),
        ("i3",),
    ]


def test_a_tower_trained_again_on_corrected_data_replaces_its_row(
    writer: Engine, reader: Engine
) -> None:
    day = date(2026, 3, 1)
    for version in ("1", "2", "2"):
        record_tower(
            writer,
            "h-20260301",
            day,
            f"tower/h-20260301.2026-03-01/{version}",
            {"kept": int(version)},
        )
    with reader.connect() as connection:
        found = connection.execute(
            sa.text("SELECT artifact, kept FROM recsys.tower_versions")
        ).all()
    assert [tuple(row) for row in found] == [("tower/h-20260301.2026-03-01/2", 2)]
    assert recorded_towers(writer) == {"tower/h-20260301.2026-03-01/2"}


def test_a_retired_publication_keeps_its_counts_of_lists(
    two_nights: Engine, writer: Engine
) -> None:
    with writer.begin() as connection:
        connection.execute(
            sa.text("UPDATE recsys.publication SET retired_at = now() WHERE as_of = '2026-03-01'")
        )
    nights = "SELECT DISTINCT as_of::text FROM recsys.{} ORDER BY 1"
    with two_nights.connect() as connection:
        assert list(connection.scalars(sa.text(nights.format("item_exposure")))) == ["2026-03-02"]
        assert list(connection.scalars(sa.text(nights.format("list_counts")))) == [
            "2026-03-01",
            "2026-03-02",
        ]


def test_the_sample_is_everyone_in_a_small_shop_and_some_hundreds_in_a_large_one(
    writer: Engine, reader: Engine
) -> None:
    stock(writer)
    with reader.connect() as connection:
        assert list(
            connection.scalars(sa.text("SELECT user_id FROM recsys.user_sample ORDER BY 1"))
        ) == [
            "u0",
            "u1",
            "u2",
            "u3",
        ]
    with writer.begin() as connection:
        more = (
            "INSERT INTO recsys.users SELECT n, 'x' || n, n % 4 FROM generate_series(4, 4999) AS n"
        )
        connection.execute(sa.text(more))
    with reader.connect() as connection:  # one of every eight
        assert connection.scalar(sa.text("SELECT count(*) FROM recsys.user_sample")) == 625
        segments = connection.scalar(
            sa.text("SELECT count(DISTINCT segment) FROM recsys.user_sample")
        )
    assert segments >= 4


def test_the_data_dictionary_is_current(postgres: Mapping[str, str]) -> None:
    engine = create_engine(postgres["recsys"])
    with engine.connect() as connection:
        found = data_dictionary(connection)
    engine.dispose()
    written = (ROOT / "docs" / "reference" / "data-dictionary.md").read_text()
    assert written == found, "run: recsys data-dictionary > docs/reference/data-dictionary.md"


def test_every_view_column_and_function_has_a_comment(postgres: Mapping[str, str]) -> None:
    silent = """
        SELECT c.relname || '.' || a.attname FROM pg_class AS c
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE c.relnamespace = 'recsys'::regnamespace AND c.relkind = 'v'
          AND has_table_privilege('recsys_reader', c.oid, 'SELECT')
          AND (obj_description(c.oid, 'pg_class') IS NULL OR col_description(c.oid,
            a.attnum) IS NULL)
        UNION ALL
        SELECT p.proname FROM pg_proc AS p
        WHERE p.pronamespace = 'recsys'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL
    """
    engine = create_engine(postgres["recsys"])
    with engine.connect() as connection:
        assert list(connection.scalars(sa.text(silent))) == []
    engine.dispose()
