"""`recsys import`: each data set's download becomes tables that a night reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.config import load_config
from recsys_tasks.errors import hashed_user
from recsys_tasks.lake import Lake
from recsys_tasks.snapshot.extract import extract
from recsys_tasks.snapshot.freeze import freeze
from recsys_tasks.sources.base import open_source
from tests.commands.public_data import downloads
from tests.commands.public_data.downloads import DAYS, EVENTS, ITEMS, USERS, asin, reviewer

FIRST = 1_433_116_800 + 3_600 + 1  # user 1 on 2015-06-01 at 01:00:01
MIDNIGHT = 1_433_116_800


@dataclass(frozen=True)
class Case:
    build: Callable[[Path], Path]
    event: dict[str, Any]
    """The row of user 1 on day 0, who takes item 3."""
    item: dict[str, Any]
    """One row of the items."""
    rows: int = EVENTS - 1
    items: int = ITEMS
    user: dict[str, Any] = field(default_factory=dict)
    """Row of user 1, where there are users."""
    said: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)


def rated(user: str, item: str, at: int, stars: float) -> dict[str, Any]:
    return {"user_id": user, "item_id": item, "timestamp": at, "event": "rating", "rating": stars}


CASES = {
    # Stars are 1 + item mod 5: 4.0 for item 3.
    "ml-latest-small": Case(
        downloads.movielens,
        rated("1", "3", FIRST, 4.0),
        {"item_id": "4", "title": "Film 4, The (1944)", "genres": "Drama", "year": 1944},
        rows=EVENTS - 2,
        said=(
            "not read: 1 rows of ml/ratings.csv; the first: line 7: missing columns",
            f"not read: 1 rows of ratings; the first: person '{hashed_user('7')}', movie '21',"
            " stars '4.0', at 'when'",
            "not used: 'ml/links.csv', 'ml/tags.csv'",
        ),
        settings={
            "repeat_consumption": "forbid",
            "items": {
                "title_column": "title",
                "attributes": [
                    {"name": "title", "kind": "text"},
                    {"name": "genres", "kind": "multi", "separator": "|"},
                    {"name": "year", "kind": "numeric"},
                ],
            },
        },
    ),
    "ml-1m": Case(
        downloads.movielens_1m,
        rated("1", "3", FIRST, 4.0),
        {
            "item_id": "4",
            "title": 'Misérables, "Les" (1995)',
            "genres": "Drama|Musical",
            "year": 1995,
        },
        user={"user_id": "1", "gender": "M", "age_band": "25-34", "occupation": "1"},
        said=("items: 60, 1 of them ids alone", "users: 40"),
        settings={"users": {
            "segment_by": "age_band",
            "attributes": [
                {"name": "gender", "kind": "categorical"},
                {"name": "age_band", "kind": "categorical"},
                {"name": "occupation", "kind": "categorical"},
            ],
        }},
    ),
    "ml-100k": Case(
        downloads.movielens_100k,
        rated("1", "3", FIRST, 4.0),
        # The fifth and the last of the 19 genres
        {
            "item_id": "4",
            "title": "Misérables, Les (1995)",
            "genres": "Children's|Western",
            "year": 1995,
        },
        user={"user_id": "1", "age": 21, "gender": "M", "occupation": "writer"},
        said=("not used: 'ml-100k/u.info', 'ml-100k/u1.base'",),
    ),
    "amazon-2018": Case(
        downloads.amazon_2018,
        rated(reviewer(1), asin(3), MIDNIGHT, 4.0),
        {
            "item_id": asin(2),
            "title": None,
            "main_category": "All Beauty",
            "categories": "Beauty|Hair / Care",
            "brand": "Brand 2",
            "price": 1099.5,
        },
        said=("items: 60, 1 of them ids alone", "a line without any of the values"),
    ),
    "amazon-2023": Case(
        downloads.amazon_2023,
        rated("AG" + reviewer(1), asin(3), FIRST, 4.0),
        {
            "item_id": asin(1),
            "title": "Comb 1",
            "main_category": None,
            "categories": None,
            "brand": "Store 1",
            "price": 9.99,
        },
        said=(f"person missing, product '{asin(15)}', stars '4.0', at '14",),
    ),
    "amazon-ratings-2018": Case(
        downloads.amazon_ratings_2018,
        rated(reviewer(1), asin(3), MIDNIGHT, 4.0),
        {"item_id": asin(3)},
        said=(f"person '{hashed_user(reviewer(5))}', stars '4.0', at 'soon'",),
    ),
    "amazon-ratings-2014": Case(
        downloads.amazon_ratings_2014,
        rated(reviewer(1), asin(3), MIDNIGHT, 4.0),
        {"item_id": asin(3)},
        said=("stars '4.0', at '0'",),
    ),
    "amazon-ratings-2023": Case(
        downloads.amazon_ratings_2023,
        rated("AG" + reviewer(1), asin(3), FIRST, 4.0),
        {"item_id": asin(3)},
        said=("person missing", "items: 60, ids alone, from the interactions"),
    ),
    "retailrocket": Case(
        downloads.retailrocket,
        {"user_id": "1", "item_id": "3", "timestamp": FIRST, "event": "view"},
        # Its first category, which is the second file's
        {"item_id": "2", "category": "102", "parent_category": "8"},
        rows=EVENTS - 2,
        said=(
            "left out: 1 rows of an unknown kind of event",
            "items: 60, 1 of them ids alone",
        ),
        settings={"repeat_consumption": "allow"},
    ),
    # Five lines are no purchase or cannot be read; two lines of one invoice and product are one
    # event: 2 at 1.50 and 4 at 3.00 are 6 at (3 + 12) / 6 = 2.50.
    **{
        name: Case(
            build,
            {
                "user_id": "13001",
                "item_id": "85003",
                "timestamp": MIDNIGHT + 3_600,
                "event": "purchase",
                "invoice": "489435",
                "quantity": 6.0,
                "price": 2.5,
            },
            {"item_id": "85004P", "title": "CUP 4"},
            rows=EVENTS - 5,
            user={"user_id": "13001", "country": "United Kingdom"},
            said=(
                "left out: 1 rows of no known customer",
                "left out: 1 rows of cancelled invoices and returns",
                "left out: 1 rows without a price",
                "left out: 1 rows of postage, fees and other codes that are no product",
                f"customer '{hashed_user('13005' + end)}'",
            ),
            settings={"repeat_consumption": "allow"},
        )
        for name, build, end in (
            ("online-retail-xlsx", downloads.online_retail_xlsx, ""),
            ("online-retail-csv", downloads.online_retail_csv, ".0"),
        )
    },
    "hm": Case(
        downloads.hm,
        {
            "user_id": "0" * 63 + "1",
            "item_id": "0108775003",
            "timestamp": MIDNIGHT,
            "event": "purchase",
            "price": 0.0508,
            "quantity": 2,
        },
        {
            "item_id": "0108775004",
            "title": "Strap, top 4",
            "product_type_name": "Vest top",
            "product_group_name": "Upper body",
            "colour_group_name": "Black",
            "department_name": "Jersey 1",
            "index_group_name": "Ladieswear",
            "garment_group_name": "Jersey Basic",
        },
        user={
            "user_id": "0" * 63 + "1",
            "club_member_status": "PRE-CREATE",
            "fashion_news_frequency": "NONE",
            "age": 21.0,
        },
        said=("t_dat '2015-06-31'",),
    ),
}  # fmt: skip


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words), env={"COLUMNS": "400"})
    return result.exit_code, result.output


def rows_of(path: Path, **wanted: Any) -> list[dict[str, Any]]:
    rows = pq.read_table(path).to_pylist()
    return [row for row in rows if wanted.items() <= row.items()]


@pytest.mark.parametrize("name", CASES)
def test_a_download_becomes_tables_and_settings(name: str, tmp_path: Path) -> None:
    case, to = CASES[name], tmp_path / "made"
    code, said = run("import", str(case.build(tmp_path / "download")), "--to", str(to))
    assert code == 0, said
    for words in case.said:
        assert words in said
    assert f"{case.rows:,} interactions, 2015-06-01 to 2015-07-12" in said
    assert f"export RECSYS_CONFIG={to}/recsys.yaml" in said
    assert "recsys run --as-of 2015-07-13" in said
    events = pq.read_table(to / "interactions.parquet")
    assert events.num_rows == case.rows
    times = events["timestamp"].to_pylist()
    assert times == sorted(times)
    same = {key: case.event[key] for key in ("user_id", "item_id")}
    (event,) = [
        row
        for row in rows_of(to / "interactions.parquet", **same)
        if row["timestamp"] < MIDNIGHT + 86_400
    ]
    assert event == case.event
    assert rows_of(to / "items.parquet", item_id=case.item["item_id"]) == [case.item]
    assert pq.read_metadata(to / "items.parquet").num_rows == case.items
    assert (to / "users.parquet").exists() is bool(case.user)
    if case.user:
        assert rows_of(to / "users.parquet", user_id=case.user["user_id"]) == [case.user]
        assert pq.read_metadata(to / "users.parquet").num_rows == USERS
    settings = yaml.safe_load((to / "recsys.yaml").read_text())
    assert {key: settings[key] for key in case.settings} == case.settings


@pytest.mark.parametrize("name", CASES)
def test_config_check_extract_and_freeze_take_what_was_made(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path / "home"))
    case, to = CASES[name], tmp_path / "made"
    run("import", str(case.build(tmp_path / "download")), "--to", str(to))
    code, said = run("config", "check", str(to / "recsys.yaml"))
    assert code == 0, said
    config, lake = load_config(to / "recsys.yaml"), Lake(tmp_path / "lake")
    night = date(2015, 7, 13)
    now = datetime(2015, 7, 13, 1, tzinfo=UTC)
    extracted = extract(config, lake, open_source(config, tmp_path), night, now)
    assert len(extracted.parts) == DAYS
    frozen = freeze(config, lake, night, now)
    assert frozen.snapshot.artifact.rows == case.rows
