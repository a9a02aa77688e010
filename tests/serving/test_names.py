"""Views decode generators and reasons by the names that nights brought along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from recsys_tasks import schema
from recsys_tasks.errors import ConfigError
from tests.database.schemas import execute
from tests.serving.nights import PLAIN, publish_night, recommend, stock, table


def ask(engine: Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.scalars(sa.text(query)))


@pytest.fixture
def named(writer: Engine) -> Engine:
    """A database that has seen one night of the built-in generators and reasons."""
    stock(writer)
    publish_night(writer, 0)
    return writer


def install(monkeypatch: pytest.MonkeyPatch, *sources: str, reasons: tuple[str, ...] = ()) -> None:
    """Generators of bits from 8 on and reasons beside the built-in ones, as a package has them."""
    bits = {**schema.generator_bits(), **{name: 8 + n for n, name in enumerate(sources)}}
    monkeypatch.setattr(schema, "generator_bits", lambda: bits)
    monkeypatch.setattr(schema, "all_sources", lambda: sum(1 << bit for bit in bits.values()))
    monkeypatch.setattr(schema, "REASONS", (*schema.REASONS, *reasons))


def test_a_new_generator_and_reason_have_their_names_in_the_views(
    named: Engine, reader: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, "editors_picks", "campaign", reasons=("picked",))
    rows = {"sources": [[0b0100000001, 0b1100000000, 1, 1]] * 4, "reasons": [[7, 7, 0, 1]] * 4}
    publish_night(named, 1, rows=table(PLAIN, **rows))
    of_u1 = "FROM recsys.recommendations WHERE user_id = 'u1' ORDER BY rank"
    assert ask(reader, f"SELECT reason {of_u1}") == ["picked", "picked", "for_you"]
    assert ask(reader, f"SELECT sources {of_u1}") == [
        ["two_tower", "editors_picks"],
        ["editors_picks", "campaign"],
        ["two_tower"],
    ]
    assert ask(reader, "SELECT reason FROM recsys.recommend('u1', 1)") == ["picked"]


def test_older_publications_decode_as_before_when_a_generator_came_and_went(
    named: Engine, reader: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = "SELECT h::text FROM recsys.recommendation_history AS h WHERE as_of = '2026-03-01'"
    before = ask(reader, older + " ORDER BY user_id, rank")
    assert len(before) == 12
    with monkeypatch.context() as installed:
        install(installed, "editors_picks")
        publish_night(named, 1)
    publish_night(named, 2)
    assert ask(reader, older + " ORDER BY user_id, rank") == before
    assert ask(named, "SELECT name FROM recsys.source_names WHERE bit = 8") == ["editors_picks"]


def test_a_number_that_has_another_name_is_refused(
    named: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as installed:
        install(installed, "editors_picks")
        publish_night(named, 1)
    install(monkeypatch, "campaign")
    with pytest.raises(ConfigError, match="editors_picks") as caught:
        publish_night(named, 2)
    assert "bit 8: campaign" in caught.value.expected


def test_an_unknown_number_is_null_and_raises_nothing(
    named: Engine, empty: Mapping[str, str], reader: Engine
) -> None:
    (partition,) = ask(
        named, "SELECT 'list_rows_' || publication_id FROM recsys.current_publication"
    )
    execute(
        empty["recsys_owner"],
        f"UPDATE recsys.{partition} SET reasons = '{{99,-1,0,0}}', sources = '{{4096,-1,1,1}}'"
        " WHERE user_key = 1",
    )
    of_u1 = "FROM recsys.recommendations WHERE user_id = 'u1' ORDER BY rank"
    assert ask(reader, f"SELECT reason {of_u1}") == [None, None, "for_you"]
    assert ask(reader, f"SELECT sources {of_u1}") == [None, None, ["two_tower"]]
    assert recommend(reader, "u1") == ["i1", "i2", "i3"]
