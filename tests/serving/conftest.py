"""An empty serving schema for each test, and engines of its roles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from sqlalchemy.engine import Engine

from recsys_tasks.database import create_engine, schema_fault
from tests.database.schemas import fresh_schema
from tests.serving.cookbook_nights import two_nights_of_the_cookbook
from tests.serving.nights import publish_night, shown, stock

# As fast as tests need it: only the owner may switch the append-only triggers off.
_EMPTY = """
DO $$
DECLARE name text;
BEGIN
  FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'recsys'::regnamespace
    AND relkind = 'r'
              AND relname ~ '^(list|withheld)_rows_[0-9]+$' LOOP
    EXECUTE format('DROP TABLE recsys.%I', name);
  END LOOP;
  PERFORM recsys.point_vectors(NULL);
  PERFORM recsys.drop_vectors(id) FROM recsys.vector_sets;
  FOREACH name IN ARRAY ARRAY['release_events', 'gate_decision_rows', 'pointer_moves',
    'erasures'] LOOP
    EXECUTE format('ALTER TABLE recsys.%I DISABLE TRIGGER USER', name);
    EXECUTE format('TRUNCATE recsys.%I', name);
    EXECUTE format('ALTER TABLE recsys.%I ENABLE TRIGGER USER', name);
  END LOOP;
  TRUNCATE recsys.users, recsys.items, recsys.item_availability, recsys.publication,
    recsys.fallback_rows,
    recsys.similar_rows, recsys.forbidden_rows, recsys.current_publication, recsys.hold,
      recsys.tower_version_rows,
    recsys.metric_rows, recsys.stage_run_rows, recsys.slice_rows, recsys.alert_rows,
    recsys.item_exposure_rows, recsys.list_count_rows,
    recsys.item_shown_rows, recsys.audience_count_rows, recsys.audience_change_rows,
    recsys.together_rows, recsys.again_rows, recsys.item_event_rows,
    recsys.segment_item_rows, recsys.place_reason_rows,
    recsys.recommend_call_rows, recsys.recommend_call_marks, recsys.liked_rows,
    recsys.shard_loads, recsys.shard_entries, recsys.shop_clock, recsys.stage_failures,
    recsys.shared_texts,
    recsys.place_count_rows, recsys.outcome_windows, recsys.outcome_rows,
    recsys.outcome_count_rows, recsys.list_change_rows;
END $$
"""


def empty_schema(owner_url: str) -> None:
    """Whatever earlier tests left there goes."""
    if schema_fault(owner_url):  # a test of migrations ended with an older schema
        fresh_schema(owner_url)
    owner = create_engine(owner_url)
    with owner.begin() as connection:
        connection.exec_driver_sql(_EMPTY.replace("%", "%%"))
    owner.dispose()


@pytest.fixture
def empty(postgres: Mapping[str, str]) -> Mapping[str, str]:
    empty_schema(postgres["recsys_owner"])
    return postgres


@pytest.fixture
def writer(empty: Mapping[str, str]) -> Iterator[Engine]:
    engine = create_engine(empty["recsys"])
    yield engine
    engine.dispose()


@pytest.fixture
def reader(empty: Mapping[str, str]) -> Iterator[Engine]:
    engine = create_engine(empty["recsys_reader"])
    yield engine
    engine.dispose()


@pytest.fixture
def published(writer: Engine, reader: Engine) -> dict[str, list[str]]:
    """The night of 1 March is what readers see."""
    stock(writer)
    publish_night(writer, 0)
    return shown(reader)


@pytest.fixture
def two_nights(writer: Engine, reader: Engine) -> Engine:
    """The cookbook's two nights, as readers see them."""
    two_nights_of_the_cookbook(writer)
    return reader
