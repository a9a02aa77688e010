"""The live page says what the database says, at every step of a shop's nights."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from html import unescape
from pathlib import Path

import pytest
import yaml

from recsys_tasks.commands.tonight import data_docs, grid_columns, tab, tonight
from recsys_tasks.config.environment import PROJECT_ROOT
from recsys_tasks.database import reader_url
from recsys_tasks.monitoring.tonight import Asked
from recsys_tasks.serving import pointer
from recsys_tasks.stages import STAGE_NAMES, Night
from tests.stages.finished_nights import finished_both_nights, running_copy
from tests.stages.shop_nights import rows

NOBODY = Asked()


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    finished = finished_both_nights(tmp_path_factory)
    with running_copy(finished.folder, tmp_path_factory.mktemp("tonight")) as (_, _, second):
        yield second


def page(night: Night, asked: Asked = NOBODY) -> str:
    """The page's HTML."""
    return tonight(night.environment, asked, night.now, "only-this")


def words(html: str) -> str:
    """What a person reads, in one line."""
    bare = re.sub(r"<(style|script|svg).*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", bare)).split())


def test_every_stage_of_a_night_is_in_one_column() -> None:
    listed = [name for names in grid_columns().values() for name in names]
    assert listed == list(STAGE_NAMES)


def test_the_head_says_what_the_status_says_also_after_a_rollback(night: Night) -> None:
    said = words(page(night))
    status = rows(night, "SELECT * FROM recsys.status").iloc[0]
    assert f"Readers see the lists of {status['as_of']}" in said
    assert f"{status['rows']:,} users" in said and "is done" in said
    before = rows(night, "SELECT min(publication_id) AS id FROM recsys.publications").id[0]
    pointer.rollback(night.engine, who="ann", why="odd <b>lists</b>", now=night.now)
    html = page(night)
    status = rows(night, "SELECT * FROM recsys.status").iloc[0]
    assert status["publication_id"] == before
    said = words(html)
    assert f"Readers see the lists of {status['as_of']}" in said and "held since" in said
    assert "by ann: odd <b>lists</b>" in said and "<b>lists" not in html


def test_the_grid_has_a_row_a_night_that_leads_to_its_report(night: Night) -> None:
    html = page(night)
    for row in rows(night, "SELECT * FROM recsys.nights").itertuples():
        found = re.search(rf"<tr>(?:(?!</tr>).)*report/{row.as_of}\".*?</tr>", html, re.DOTALL)
        assert found is not None
        told = words(found[0])
        assert f"{row.users:,}" in told and str(row.verdict or "–") in told
        assert told.count("done") == len(grid_columns())
    assert "/nightshelf" not in html


def test_a_nights_tab_counts_its_stages_and_leads_to_what_was_written(night: Night) -> None:
    html = tab(night.environment, night.as_of, "freeze", night.now, "only-this")
    said = words(html)
    assert f"All {len(set(STAGE_NAMES))} stages are done; no open alert." in said
    assert f"the night of {night.as_of}" in said
    for place in (f"report/{night.as_of}", f"data-docs/{night.as_of}/"):
        assert f'<a href="{place}">' in html
    docs = data_docs(night.environment, night.as_of, "index.html")
    assert docs is not None and "Data checks of night" in docs
    assert data_docs(night.environment, night.as_of, "../report.json") is None


def test_a_user_and_an_item_are_looked_up_and_odd_ids_are_no_markup(night: Night) -> None:
    place = rows(night, "SELECT * FROM recsys.recommendations ORDER BY user_id, rank LIMIT 1").iloc[
        0
    ]
    listed = rows(night, f"SELECT item_id FROM recsys.recommend('{place.user_id}')").item_id
    said = words(page(night, Asked(place.user_id, place.item_id)))
    assert f"User {place.user_id}" in said and all(item in said for item in listed)
    shown = rows(night, f"SELECT lists FROM recsys.item_exposure WHERE item_id = '{place.item_id}'")
    assert f"Item {place.item_id}" in said and f"{shown.lists.iloc[-1]:,}" in said
    odd = "<script>alert(1)</script>'; DROP TABLE x"
    html = page(night, Asked(odd, odd))
    assert "<script>alert" not in html and "No night has seen" in words(html)


def test_a_database_that_does_not_answer_is_said(night: Night) -> None:
    nowhere = re.sub(r"/recsys\b.*", "/recsys?host=/nowhere", reader_url(night.environment))
    environment = night.environment.model_copy(update={"reader_url": nowhere})
    said = words(tonight(environment, NOBODY, night.now, "only-this"))
    assert "The database does not answer." in said and "What readers see is not known" in said


def test_a_shop_in_the_walls_clock_is_told_of_its_deadline_until_it_has_the_night(
    night: Night, tmp_path: Path
) -> None:
    settings = yaml.safe_load((PROJECT_ROOT / "include/examples/my-shop.yaml").read_text())
    settings |= {"clock": "wall", "schedule": {"nightly": "0 2 * * *", "ready_by": "06:00"}}
    path = tmp_path / "recsys.yaml"
    path.write_text(yaml.safe_dump(settings))
    environment = night.environment.model_copy(update={"config_path": path})
    seen = rows(night, "SELECT as_of FROM recsys.status").as_of[0]
    for days, told in ((0, None), (1, "passed 1 h 0 min ago")):
        morning = datetime.combine(seen, time(7), UTC) + timedelta(days=days)
        said = words(tonight(environment, NOBODY, morning, "only-this"))
        assert (told in said) if told else ("deadline" not in said.lower())
        assert "the newest was due at" in said
