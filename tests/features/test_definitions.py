"""The catalogue is well formed and compiles to every engine that we promise."""

from __future__ import annotations

from datetime import date

import ibis
import pytest
from ibis.config import Config as Options

from recsys_tasks import schema
from recsys_tasks.clock import Cutoffs
from recsys_tasks.features.build import FAMILY_KEYS, family_expression
from recsys_tasks.features.catalogue import catalogue
from recsys_tasks.features.feature import Family
from recsys_tasks.features.windows import tables_at
from tests.worlds import make_config

CONFIG = make_config(
    events={
        "kinds": [{"name": "view"}, {"name": "purchase"}],
        "price_column": "p",
        "quantity_column": "q",
    },
    users={"attributes": [{"name": "country", "kind": "categorical"}], "segment_by": "country"},
)
EVENTS = ibis.table(schema.EVENTS.schema, name="events")
ITEMS = ibis.table({"item_key": "int32", "available_from": "int64"}, name="items")
SEGMENTS = ibis.table({"user_key": "int32", "segment": "int32"}, name="segments")


class SparkOptions(Options):  # type: ignore[misc]  # ibis is not checked
    treat_nan_as_null: bool = False


@pytest.fixture(autouse=True)
def spark_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Spark compiler reads one option that only the Spark backend, not installed here,
    declares.
    """
    monkeypatch.setattr(ibis.options, "pyspark", SparkOptions())


def test_names_are_unique_in_a_family_and_described() -> None:
    names = [(feature.family, feature.name) for feature in catalogue(CONFIG)]
    assert len(names) == len(set(names))
    assert all(feature.description for feature in catalogue(CONFIG))


@pytest.mark.parametrize("dialect", ["duckdb", "pyspark", "bigquery", "snowflake"])
@pytest.mark.parametrize("family", list(FAMILY_KEYS))
def test_every_feature_compiles(dialect: str, family: Family) -> None:
    tables = tables_at(CONFIG, Cutoffs.at(date(2026, 3, 1)), EVENTS, ITEMS, SEGMENTS)
    sql = str(ibis.to_sql(family_expression(CONFIG, family, tables), dialect=dialect))
    names = [f.name for f in catalogue(CONFIG) if f.family == family and not f.name.startswith("_")]
    assert all(name in sql for name in names)
