"""After real nights: the cookbook's figures are there, and tables and pages say what is so, also
after a rollback.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from benchmarks.serving.queries import queries
from recsys_tasks.cli import app
from recsys_tasks.database import create_engine, urls
from recsys_tasks.stages import Night, run_on
from tests.stages.shop_nights import FIRST_NIGHT, SECOND_NIGHT, TwoNights, rows

QUERIES = {query.title: query.sql for query in queries(segment="NL")}
EVENTS = ("view", "cart", "purchase")


def answer(night: Night, start: str) -> pd.DataFrame:
    """What a reader gets for the cookbook's query whose title begins so."""
    (sql,) = (text for title, text in QUERIES.items() if title.startswith(start))
    engine = create_engine(urls(night.environment.home)["recsys_reader"])
    with engine.connect() as connection:
        found = pd.read_sql_query(sa.text(sql.replace(":", r"\:")), connection)
    engine.dispose()
    return found


def literals(sql: str, column: str) -> Iterator[re.Pattern[str]]:
    """What a query compares a column with, by = or LIKE or IN, as patterns."""
    for text in re.findall(rf"\b{column}\s*(?:=|LIKE)\s*'([^']*)'", sql):
        yield re.compile(
            "".join(".*" if part == "%" else re.escape(part) for part in re.split("(%)", text))
        )
    for group in re.findall(rf"\b{column}\s+IN\s*\(([^)]*)\)", sql):
        yield from (re.compile(re.escape(text)) for text in re.findall(r"'([^']*)'", group))


def test_every_metric_that_the_cookbook_names_is_one_that_a_night_writes(nights: TwoNights) -> None:
    found, asked = rows(nights.second, "SELECT DISTINCT scope, name FROM recsys.metrics"), 0
    for title, sql in QUERIES.items():
        for column in ("scope", "name") if "recsys.metrics" in sql else ():
            for pattern in literals(sql, column):
                assert any(pattern.fullmatch(value) for value in found[column]), (
                    f"{title}: {column} {pattern.pattern}"
                )
                asked += 1
    assert asked >= 18


@pytest.mark.parametrize(
    "start", ["Realised hit rate:", "Realised hit rate by", "What does each generator"]
)
def test_no_figure_of_a_measured_night_is_missing(nights: TwoNights, start: str) -> None:
    found = answer(nights.second, start)
    assert len(found) and not found.isna().any(axis=None), found.to_string()


def test_coverage_is_of_what_is_on_offer(nights: TwoNights) -> None:
    second = nights.second
    health = answer(second, "Health of the lists").set_index("as_of").loc[SECOND_NIGHT]
    offered = (
        answer(second, "How much of what is on offer").groupby("as_of").first().loc[SECOND_NIGHT]
    )
    assert health["coverage"] == pytest.approx(offered["coverage_on_offer"], rel=1e-12)


def test_realised_figures_are_those_of_each_kind_of_event_beside_popular_items(
    nights: TwoNights,
) -> None:
    """Against a slow reference: published and fallback lists by id, and the next day's events, one
    user at a time.
    """
    first, opened = nights.first, nights.second
    second = Night(
        opened.config, opened.environment, opened.as_of, opened.now
    )  # its data as it is by now
    run_on(second, "monitor")
    kept = rows(
        first,
        "SELECT publication_id, user_id, item_id FROM recsys.recommendation_history WHERE as_of ="
        " :day AND rank <= 10 ORDER BY publication_id, user_id, rank",
        day=FIRST_NIGHT,
    )
    newest = kept[kept["publication_id"] == kept["publication_id"].max()]
    lists = newest.groupby("user_id")["item_id"].agg(list).to_dict()
    popular = _fallbacks(first, int(newest["publication_id"].max()))
    users = rows(first, "SELECT user_id, segment FROM recsys.users")
    segments = users.set_index("user_id")["segment"].to_dict()
    done = _events(second)
    for kind in (None, *EVENTS):
        wanted = done if kind is None else done[done["event"] == kind]
        took = wanted[wanted["user_id"].isin(list(lists))].groupby("user_id")["item_id"].agg(set)
        scope = "realised" if kind is None else f"realised/event={kind}"
        found = rows(
            first,
            "SELECT name, value FROM recsys.metrics WHERE as_of = :day AND scope = :scope",
            day=FIRST_NIGHT,
            scope=scope,
        ).set_index("name")["value"]
        own = [bool(items & set(lists[user])) for user, items in took.items()]
        plain = [
            bool(items & set(popular.get(segments[user]) or popular[""]))
            for user, items in took.items()
        ]
        assert found["users"] == len(took) and found["hr@10"] == pytest.approx(np.mean(own)), scope
        assert found["popular/hr@10"] == pytest.approx(np.mean(plain)), scope
    views, purchases = (done["event"] == "view").sum(), (done["event"] == "purchase").sum()
    assert views > 3 * purchases > 0  # or "any event" would not hide anything
    by_objective = (
        "SELECT name FROM recsys.metrics WHERE as_of = :day AND scope = 'realised/objective=engage'"
    )
    assert len(rows(first, by_objective, day=FIRST_NIGHT)) > 10


def _fallbacks(night: Night, publication: int) -> Mapping[str, list[str]]:
    query = (
        "SELECT f.segment, i.item_id FROM recsys.fallback_rows AS f CROSS JOIN LATERAL"
        " unnest(f.items) WITH ORDINALITY AS e(item_key, n) JOIN recsys.items AS i USING (item_key)"
        " WHERE f.publication_id = :p AND e.n <= 10 ORDER BY n"
    )
    found = rows(night, query, p=publication).groupby("segment")["item_id"].agg(list)
    return {str(segment): items for segment, items in found.items()}


def _events(night: Night) -> pd.DataFrame:
    """What was done on the first night's day, by ids."""
    made, snapshot = night.snapshot.events(since=FIRST_NIGHT, before=SECOND_NIGHT), night.snapshot
    kinds = list(snapshot.config.event_codes)
    return pd.DataFrame({
        "user_id": snapshot.users["user_id"].to_numpy(object)[made.user],
        "item_id": snapshot.items["item_id"].to_numpy(object)[made.item],
        "event": [kinds[code] for code in made.event],
    })  # fmt: skip


def test_new_items_are_the_shops_own_launches(nights: TwoNights) -> None:
    second = nights.second
    found = answer(second, "New items:")
    night = rows(second, "SELECT as_of FROM recsys.status")["as_of"][0]
    assert 0 < len(found) < 60
    assert (
        pd.to_datetime(found["available_from"]) >= pd.Timestamp(night) - pd.Timedelta(days=14)
    ).all()
    items = second.snapshot.items.set_index("item_id")["available_from"]
    days = pd.to_datetime(items[found["item_id"]], unit="s").dt.date
    assert list(days) == list(found["available_from"])


def test_everyone_of_a_segment_is_in_its_campaign(nights: TwoNights) -> None:
    second = nights.second
    segment = rows(
        second, "SELECT segment FROM recsys.users GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
    )["segment"][0]
    (sql,) = (
        query.sql
        for query in queries(segment=segment)
        if query.title.startswith("Everyone of a segment")
    )
    found = rows(second, sql)
    everyone = rows(second, "SELECT user_id FROM recsys.users WHERE segment = :s", s=segment)[
        "user_id"
    ]
    assert set(found["user_id"]) == set(everyone)
    assert {"own", "segment"} <= set(found["served_by"])
    with_lists = rows(
        second, "SELECT user_id FROM recsys.recommendation_lists WHERE segment = :s", s=segment
    )["user_id"]
    assert set(with_lists) == set(found.loc[found["served_by"] == "own", "user_id"])


def test_status_is_in_the_clock_of_the_nights(nights: TwoNights) -> None:
    second = nights.second
    found: Any = rows(
        second, "SELECT age, shop_time, moved_at, published_at FROM recsys.status"
    ).iloc[0]
    newest = rows(second, "SELECT max(as_of) AS night FROM recsys.stage_runs")["night"][0]
    assert found["shop_time"] == datetime(newest.year, newest.month, newest.day, 1, tzinfo=UTC)
    assert found["age"] == found["shop_time"] - found["moved_at"]
    assert pd.Timedelta(0) <= found["age"] <= pd.Timedelta(days=7)


def test_after_a_rollback_the_clock_is_the_shops_and_the_stored_page_is_still_true(
    nights: TwoNights,
) -> None:
    second = nights.second
    shown = rows(second, "SELECT as_of FROM recsys.status")["as_of"][0]
    run_on(Night.open(second.config, second.environment, shown), "report")
    kept = second.lake.require("report", shown.isoformat())
    html = kept.file("report.html").read_text()
    home = second.environment.home
    environment = {"RECSYS_HOME": str(home), "RECSYS_CONFIG": str(home.parent / "recsys.yaml")}

    def ask(*words: str) -> str:
        result = CliRunner().invoke(app, list(words), env=environment)
        assert result.exit_code == 0, result.output
        return result.output

    before = rows(second, "SELECT publication_id, shop_time FROM recsys.status").iloc[0]
    ask("rollback", "--why", "odd lists", "--who", "ann")
    try:
        after: Any = rows(
            second, "SELECT publication_id, age, moved_at, hold_since FROM recsys.status"
        ).iloc[0]
        assert after["publication_id"] != before["publication_id"]
        assert after["moved_at"] == after["hold_since"] == before["shop_time"] and after[
            "age"
        ] == pd.Timedelta(0)
        assert ask("report", "--as-of", shown.isoformat()).strip() == str(kept.file("report.html"))
        head = html.split("</header>")[0]
        assert f"As of {shown} 01:00 UTC." in head and "aw tonight's lists" in head.replace(
            "&#39;", "'"
        )
        assert not re.search(r"readers (still )?(see|keep|have)\b", html, re.I)
    finally:
        with second.engine.begin() as connection:
            connection.execute(
                sa.text("UPDATE recsys.publication SET status = 'ready' WHERE id = :id"),
                {"id": int(before["publication_id"])},
            )
        ask("resume", "--who", "ann")
