"""What readers get: recommend(), the views, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from typer.testing import CliRunner

from recsys_tasks import schema
from recsys_tasks.cli import app
from tests.serving.nights import night, publish_night, recommend, sell_out, shown, stock, table


def test_recommend_without_any_publication_is_empty(reader: Engine) -> None:
    assert recommend(reader, "u0") == []


def test_the_command_shows_what_readers_get_whole_and_as_it_is_written(
    empty: Mapping[str, str], writer: Engine
) -> None:
    """Titles that rich would take for its markup or its emoji, or cut at 80 columns: nobody's
    screen is there.
    """
    titles = [
        "[red]Tea[/] pot",
        "closed [/b] mark",
        "I :heart: lamps",
        "a title of many words " * 12 + "and its end",
    ]
    stock(writer)
    with writer.begin() as connection:
        for key, title in enumerate(titles):
            values = {"key": key, "title": title}
            connection.execute(
                sa.text("UPDATE recsys.items SET title = :title WHERE item_key = :key"), values
            )
    publish_night(writer, 0, release="r20260301-abcdef")
    result = CliRunner().invoke(
        app, ["recommend", "u0", "--k", "4"], env={"RECSYS_DATABASE_URL": empty["recsys"]}
    )
    assert result.exit_code == 0, result.output
    columns = result.output.splitlines()[2].replace("┃", " ").split()
    assert columns == [
        "rank",
        "item_id",
        "title",
        "score",
        "reason",
        "reason_item_id",
        "rung",
        "release",
        "as_of",
    ]
    rows = [
        [cell.strip() for cell in line.split("│")]
        for line in result.output.splitlines()
        if line.startswith("│")
    ]
    assert [row[3] for row in rows] == titles
    assert {(row[8], row[9]) for row in rows} == {("r20260301-abcdef", "2026-03-01")}


def test_recommend_gives_the_list_then_spares_then_segment_then_everyone(
    empty: Mapping[str, str], writer: Engine, reader: Engine
) -> None:
    stock(writer)
    publish_night(writer, 0)  # fallbacks: nl: 5 6, everyone: 6 7 0
    assert recommend(reader, "u0") == ["i0", "i1", "i2"]
    assert recommend(reader, "u0", 2) == ["i0", "i1"]
    assert recommend(reader, "u0", 20) == ["i0", "i1", "i2", "i3", "i5", "i6", "i7"]
    assert recommend(reader, "u2", 20) == [
        "i2",
        "i3",
        "i4",
        "i5",
        "i6",
        "i7",
        "i0",
    ]  # be has no list of its own
    assert recommend(reader, "stranger") == ["i6", "i7", "i0"]
    sell_out(empty, "i1", "i6")
    assert recommend(reader, "u0") == ["i0", "i2", "i3"]
    assert recommend(reader, "u0", 4) == ["i0", "i2", "i3", "i5"]
    assert recommend(reader, "stranger") == ["i7", "i0"]
    assert shown(reader)["u0"] == ["i0", "i1", "i2"]  # the view shows what was published
    sell_out(empty, "i1", available=True)
    assert recommend(reader, "u0") == ["i0", "i1", "i2"]


@pytest.mark.parametrize("k", [0, -5])
def test_recommend_of_no_places_is_empty(writer: Engine, reader: Engine, k: int) -> None:
    stock(writer)
    publish_night(writer, 0)
    assert recommend(reader, "u0", k) == []


def test_recommend_takes_any_text_as_a_user(writer: Engine, reader: Engine) -> None:
    stock(writer)
    publish_night(writer, 0)
    for user in ("'; DROP SCHEMA recsys; --", "", "ü😀", "u0 "):
        assert recommend(reader, user) == ["i6", "i7", "i0"]


def test_the_long_view_says_why(writer: Engine, reader: Engine) -> None:
    stock(writer)
    publish_night(writer, 0)
    with reader.connect() as connection:
        question = "SELECT * FROM recsys.recommendations WHERE user_id = 'u1' ORDER BY rank"
        first, second, _third = connection.execute(sa.text(question)).mappings().all()
    assert (first["item_id"], first["title"], first["reason"]) == ("i1", "Item 1", "because_of")
    assert (first["reason_item_id"], first["reason_item_title"]) == ("i7", "Item 7")
    assert first["sources"] == ["two_tower", "covisitation"] and first["rung"] == "heavy"
    assert (first["release"], first["tower_version"], str(first["as_of"])) == (
        "r1",
        "t1",
        "2026-03-01",
    )
    assert (
        second["reason"] == "for_you"
        and second["reason_item_id"] is None
        and second["rank_before"] == 2
    )


def test_codes_of_the_views_are_those_of_the_schema(writer: Engine, reader: Engine) -> None:
    """One user a reason, rung and source; the view must name each as recsys_tasks.schema does."""
    stock(writer)
    codes = max(len(schema.REASONS), len(schema.generators()), len(schema.RUNGS))
    with writer.begin() as connection:
        for key in range(4, codes):
            connection.execute(
                sa.text("INSERT INTO recsys.users VALUES (:k, 'u' || :k, 'nl')"), {"k": key}
            )
    rows = table(
        {user: [user % 6, 6, 7] for user in range(codes)},
        rung=[n % len(schema.RUNGS) for n in range(codes)],
        reasons=[[n % len(schema.REASONS), 0, 0] for n in range(codes)],
        sources=[[1 << n % len(schema.generators()), 63, 0] for n in range(codes)],
    )
    night(writer, 0, rows=rows)
    with reader.connect() as connection:
        question = (
            "SELECT user_id, rung, reason, sources FROM recsys.recommendations WHERE rank = :rank"
            " ORDER BY 1"
        )
        found = connection.execute(sa.text(question), {"rank": 1}).all()
        everything = connection.execute(sa.text(question), {"rank": 2}).first()
    expected = [
        (
            f"u{n}",
            schema.RUNGS[n % len(schema.RUNGS)],
            schema.REASONS[n % len(schema.REASONS)],
            [schema.generator_names()[n % len(schema.generators())]],
        )
        for n in range(codes)
    ]
    assert [tuple(row) for row in found] == expected
    assert everything is not None and everything.sources == list(schema.generator_names())


def test_the_other_views_answer(writer: Engine, reader: Engine) -> None:
    stock(writer)
    publish_night(writer, 0)
    with writer.begin() as connection:
        for event in ("registered", "promoted"):
            values = "(ts, event, release, who, why) VALUES (now(), :event, 'r1', 'gate', 'better')"
            connection.execute(
                sa.text(f"INSERT INTO recsys.release_events {values}"), {"event": event}
            )
        connection.execute(
            sa.text(
                "INSERT INTO recsys.metrics (as_of, scope, name, value) VALUES ('2026-03-01', 's',"
                " 'n', 1)"
            )
        )
        upsert = (
            "INSERT INTO recsys.metrics (as_of, scope, name, value) VALUES ('2026-03-01', 's', 'n',"
            " 2) ON CONFLICT (as_of, scope, name) DO UPDATE SET value = excluded.value"
        )
        connection.execute(sa.text(upsert))
    with reader.connect() as connection:

        def ask(question: str) -> list[tuple[object, ...]]:
            return [tuple(row) for row in connection.execute(sa.text(question))]

        assert ask("SELECT user_id, item_ids FROM recsys.recommendation_lists ORDER BY 1")[0] == (
            "u0",
            ["i0", "i1", "i2"],
        )
        similar = ask("SELECT item_id, rank, similar_item_id FROM recsys.similar_items ORDER BY 2")
        assert similar == [("i0", 1, "i1"), ("i0", 2, "i2")]
        assert ask(
            "SELECT item_id FROM recsys.fallback_lists WHERE segment = 'nl' ORDER BY rank"
        ) == [
            ("i5",),
            ("i6",),
        ]
        assert ask("SELECT release, last_event FROM recsys.releases") == [("r1", "promoted")]
        assert ask("SELECT value FROM recsys.metrics") == [(2.0,)]
        assert ask("SELECT status, current, rows FROM recsys.publications") == [
            ("published", True, 4)
        ]
        assert ask("SELECT as_of::text, on_hold, waiting FROM recsys.status") == [
            ("2026-03-01", False, 0)
        ]


def test_status_has_one_row_before_the_first_night(reader: Engine) -> None:
    with reader.connect() as connection:
        rows = connection.execute(
            sa.text("SELECT publication_id, as_of, on_hold FROM recsys.status")
        ).all()
    assert [tuple(row) for row in rows] == [(None, None, False)]


def test_recommend_never_waits_for_parallel_workers(writer: Engine, reader: Engine) -> None:
    """Each call would start processes of the server: with thirty publications kept that took it
    from 1 to 8 ms.
    """
    stock(writer)
    for day in range(3):
        publish_night(writer, day)
    free = ("parallel_setup_cost", "parallel_tuple_cost")
    small = ("min_parallel_table_scan_size", "min_parallel_index_scan_size")
    before = _workers_planned(writer)
    with reader.connect() as connection:
        for name in (*free, *small):  # a plan with workers costs nothing: taken wherever it may be
            connection.execute(sa.text(f"SET {name} = 0"))
        for _ in range(3):
            assert connection.scalars(
                sa.text("SELECT item_id FROM recsys.recommend('u0', 2)")
            ).all()
        connection.execute(sa.text("SELECT pg_stat_force_next_flush()"))
        connection.commit()
    assert _workers_planned(writer) == before


def _workers_planned(engine: Engine) -> int:
    query = "SELECT parallel_workers_to_launch FROM pg_stat_database WHERE datname = {}"
    with engine.connect() as connection:
        return int(connection.scalar(sa.text(query.format("current_database()"))))
