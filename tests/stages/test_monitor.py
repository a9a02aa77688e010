"""What `monitor` writes of two nights, and what the cookbook makes of it: a literal shop, the real
stage, no models.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmarks.serving.queries import queries
from recsys_tasks.cli import app
from recsys_tasks.clock import Cutoffs, start_of
from recsys_tasks.config import Environment
from recsys_tasks.errors import ArtifactError
from recsys_tasks.monitoring.alerts.alert import Alert
from recsys_tasks.monitoring.alerts.table import keep_alert
from recsys_tasks.ranking.lists.recommender import RankedLists
from recsys_tasks.serving.fallback import fallback_lists
from recsys_tasks.serving.kinds import PLAN
from recsys_tasks.serving.load import load_dimensions, load_fallbacks, load_lists
from recsys_tasks.serving.precompute import Shard, list_batches, precompute_shard
from recsys_tasks.serving.publication import CheckLimits, PublicationSpec
from recsys_tasks.serving.publish import create_publication, finish, publish
from recsys_tasks.stages import Night, run_on
from recsys_tasks.stages.plan import Plan
from tests.serving.conftest import empty  # noqa: F401  # the fixture
from tests.serving.ranked import ranked
from tests.stages.shop_nights import rows
from tests.stages.test_what_readers_are_told import literals
from tests.worlds import make_config, make_snapshot

BEFORE, AFTER = date(2026, 3, 9), date(2026, 3, 10)
QUERIES = {query.title: query.sql for query in queries()}
CONFIG = make_config(
    clock="simulated",
    users={"attributes": [{"name": "country", "kind": "categorical"}], "segment_by": "country"},
    items={"available_column": "available"},
    events={"kinds": [{"name": "view"}, {"name": "purchase"}]},
    objectives=[
        {"name": "any", "events": ["view", "purchase"]},
        {"name": "sales", "events": ["purchase"]},
    ],
    serving={"k": 2, "spares": 0, "shards": 1, "min_coverage": 0.01},
)
ITEMS = pd.DataFrame({"item_id": list("abcdefg"), "available": [True] * 5 + [False] * 2})
# a is what all have bought, b what the Dutch have, too: their popular list is b a, everyone's a b.
PAST = [
    ("u0", "b"),
    ("u1", "b"),
    ("u2", "b"),
    ("u0", "a"),
    ("u1", "a"),
    ("u3", "a"),
    ("u4", "a"),
    ("u5", "a"),
]
USERS = pd.DataFrame({"user_id": [f"u{n}" for n in range(6)], "country": ["nl"] * 3 + ["be"] * 3})
LISTS = {0: [2, 3], 1: [0, 2], 2: [1, 4], 3: [4, 2]}  # of u0 … u3; u4 and u5 have none of their own
# on 9 March: only u1 bought what was in the list, u0 and u3 looked at it; b is popular with the
# Dutch
DONE = [
    ("u0", "c", "view"),
    ("u1", "a", "purchase"),
    ("u2", "f", "purchase"),
    ("u3", "e", "view"),
    ("u4", "a", "purchase"),
]


class Ranks:
    """The lists above, whoever asks."""

    def recommend(self, users: Any, k: int, *, eligible: Any) -> RankedLists:
        return ranked(users, [LISTS[user] for user in users.tolist()])

    def release(self) -> None:
        pass


def events() -> pd.DataFrame:
    past = [(user, item, "purchase", start_of(date(2026, 3, 7))) for user, item in PAST]
    done = [(*what, start_of(BEFORE) + 3600) for what in DONE]
    return pd.DataFrame(past + done, columns=["user_id", "item_id", "event", "ts"])


def shown(environment: Environment, day: date) -> Night:
    """A night up to its publication, through the calls that its stages make."""
    night = Night.open(CONFIG, environment, day)
    known = events()
    vars(night)["snapshot"] = make_snapshot(
        Path(environment.lake), CONFIG, day, known[known["ts"] < start_of(day)], ITEMS, USERS
    )
    users = np.array(list(LISTS), np.int32)
    spec = PublicationSpec(day, Cutoffs.at(day), f"f{day}", "r1", "t1", len(users), 2, 0, 1)
    publication = create_publication(night.engine, spec, night.now)
    load_dimensions(night.engine, night.snapshot)
    load_fallbacks(night.engine, publication, fallback_lists(night.snapshot, CONFIG, night.tonight))
    lists = precompute_shard(
        night.lake, Shard(publication.token, 0, CONFIG.serving, {}), Ranks(), users, eligible=None
    )
    load_lists(night.engine, publication, list_batches(lists), 0)
    ready = finish(night.engine, publication, CheckLimits.of(CONFIG))
    publish(night.engine, ready, "nightly", night.now)
    with night.lake.writing(PLAN, day.isoformat()) as draft:
        plan = Plan(publication.id, publication.token, "l", "t1", "index/x/1", None, {})
        (draft.path / "plan.json").write_text(json.dumps(asdict(plan)))
        draft.rows = 1
    return night


@pytest.fixture
def monitored(empty: Mapping[str, str], tmp_path: Path) -> Iterator[Night]:  # noqa: F811  # as pytest wants it
    """The second night, monitored."""
    places: dict[str, Any] = {
        "home": tmp_path,
        "lake": str(tmp_path / "lake"),
        "config_path": tmp_path / "none.yaml",
    }
    environment = Environment(**places, database_url=empty["recsys"], mlflow_url=None)
    first, night = shown(environment, BEFORE), shown(environment, AFTER)
    run_on(night, "monitor")
    yield night
    for done in (first, night):
        done.engine.dispose()


def test_every_metric_that_the_cookbook_names_is_one_that_monitoring_writes(
    monitored: Night,
) -> None:
    """Those of the gate have a test after whole nights."""
    found, asked = rows(monitored, "SELECT DISTINCT scope, name FROM recsys.metrics"), 0
    for title, sql in QUERIES.items():
        for column in ("scope", "name") if "recsys.metrics" in sql and "gate/" not in sql else ():
            for pattern in literals(sql, column):
                assert any(pattern.fullmatch(value) for value in found[column]), (
                    f"{title}: {column} {pattern.pattern}"
                )
                asked += 1
    assert asked >= 14


def test_the_data_dictionary_names_every_scope_and_figure_that_monitoring_writes(
    monitored: Night,
) -> None:
    query = (
        "SELECT col_description('recsys.metrics'::regclass, attnum) AS said FROM pg_attribute WHERE"
        " attrelid = "
    )
    query += "'recsys.metrics'::regclass AND attname = :column"
    found = rows(monitored, "SELECT DISTINCT scope, name FROM recsys.metrics")
    scopes = {re.sub("=.*", "=NAME", scope) for scope in found["scope"]}
    names = {
        re.sub("@[0-9]+", "", name).removeprefix("popular/").split("/")[0] for name in found["name"]
    }
    for column, written in (("scope", scopes), ("name", names)):
        said = rows(monitored, query, column=column)["said"][0]
        assert [
            word
            for word in written
            if not re.search(rf"(?<![a-z_]){re.escape(word)}(?![a-z_])", said)
        ] == []


def test_realised_figures_by_kind_of_event_beside_popular_items(monitored: Night) -> None:
    """In all u0, u1 and u3 of four found something, u2 did not; of purchases u1 of two. u4 had no
    list.

    Popular: u0's b a has no c, u1's has a, u2's no f, u3's a b no e.
    """
    found = answer(monitored, "Realised hit rate by").set_index("measured_by")
    shares = ["users", "hit_rate_at_10", "popular_hit_rate_at_10"]
    assert {kind: tuple(row) for kind, row in found[shares].iterrows()} == {
        "event=view": (2, 1.0, 0.0),
        "event=purchase": (2, 0.5, 0.5),
        "objective=any": (4, 0.75, 0.25),
        "objective=sales": (2, 0.5, 0.5),
    }
    (one,) = answer(monitored, "Realised hit rate:").itertuples()
    assert (one.as_of, one.hit_rate_at_10, one.popular_hit_rate_at_10) == (BEFORE, 0.75, 0.25)
    assert (one.active, one.active_share, one.shown) == (4, 1.0, 1)


def test_coverage_is_of_what_is_on_offer(monitored: Night) -> None:
    """Five of five items on offer are shown, of seven in all."""
    (health,) = answer(monitored, "Health of the lists").query("as_of == @AFTER").itertuples()
    offered = answer(monitored, "How much of what is on offer").groupby("as_of").first()
    assert health.coverage == 1.0
    assert offered["coverage_on_offer"][AFTER] == 1.0 and offered["on_offer"][AFTER] == 5


def test_lists_that_readers_never_saw_are_told_from_those_they_saw(monitored: Night) -> None:
    held = replace(monitored)
    vars(held)["snapshot"] = monitored.snapshot
    with held.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE recsys.publication SET published_at = NULL WHERE as_of = '2026-03-09'"
        )
    run_on(held, "monitor")
    (one,) = answer(monitored, "Realised hit rate:").itertuples()
    assert one.shown == 0


def answer(night: Night, start: str) -> pd.DataFrame:
    """What the cookbook's query whose title begins so gives."""
    (sql,) = (text for title, text in QUERIES.items() if title.startswith(start))
    return rows(night, sql.replace(":", r"\:"))


# --- the shop's clock ----------------------------------------------------------------------------


def status(night: Night) -> Any:
    return rows(
        night, "SELECT publication_id, age, shop_time, moved_at, hold_since FROM recsys.status"
    ).iloc[0]


def test_the_last_alert_is_in_the_clock_of_the_nights_also_of_a_run_that_failed(
    monitored: Night,
) -> None:
    """A failed run raises its alert by the machine's clock, here a year and more later."""
    words: Any = dict.fromkeys(("dag", "task", "kind", "message", "reader_state", "remedy"), "k")
    failed = Alert(
        incident="nightly failed",
        raised_at="2027-05-01T12:00:00+00:00",
        as_of="2026-03-10",
        severity="critical",
        runbook="b",
        **words,
    )
    for _ in range(2):  # a repetition changes nothing of it
        keep_alert(monitored.engine, failed, ())
    found: Any = rows(monitored, "SELECT last_alert_at, shop_time, age FROM recsys.status").iloc[0]
    assert found["last_alert_at"] == found["shop_time"] == monitored.now
    raised = rows(monitored, "SELECT raised_at FROM recsys.alerts WHERE kind = 'k'")["raised_at"]
    assert list(raised) == [pd.Timestamp(failed.raised_at)]


def test_status_counts_in_the_clock_of_the_nights(monitored: Night) -> None:
    """A day later the third night has begun and failed: the lists are a day old, whatever year the
    machine is in.
    """
    assert run_on(monitored, "monitor").rows == 4
    found = status(monitored)
    assert found["shop_time"] == monitored.now and found["age"] == timedelta(0)
    third = replace(monitored, as_of=date(2026, 3, 11), now=monitored.now + timedelta(days=1))
    with pytest.raises(ArtifactError):
        run_on(third, "freeze")
    assert status(monitored)["age"] == timedelta(days=1)
    with pytest.raises(
        ArtifactError
    ):  # an older night, run again, does not turn the clock behind the lists
        run_on(replace(monitored, as_of=BEFORE, now=monitored.now - timedelta(days=1)), "freeze")
    assert status(monitored)["shop_time"] == monitored.now
    with pytest.raises(ArtifactError):  # a year that was mistyped does not hold it for ever
        run_on(
            replace(monitored, as_of=date(2062, 3, 11), now=third.now.replace(year=2062)), "freeze"
        )
    with pytest.raises(ArtifactError):
        run_on(third, "freeze")
    assert status(monitored)["age"] == timedelta(days=1)


def test_a_person_moves_readers_in_the_clock_of_the_nights(monitored: Night) -> None:
    run_on(monitored, "monitor")
    environment = monitored.environment
    variables = {
        "RECSYS_HOME": str(environment.home),
        "RECSYS_DATABASE_URL": str(environment.database_url),
    }
    result = CliRunner().invoke(app, ["rollback", "--why", "odd", "--who", "ann"], env=variables)
    assert result.exit_code == 0, result.output
    found = status(monitored)
    assert found["moved_at"] == found["hold_since"] == monitored.now and found["age"] == timedelta(
        0
    )
    moves = rows(monitored, "SELECT moved_at FROM recsys.publication_moves ORDER BY id")["moved_at"]
    assert moves.is_monotonic_increasing


def test_a_shop_of_the_worlds_time_counts_in_it(monitored: Night) -> None:
    wall = replace(monitored, config=CONFIG.model_copy(update={"clock": "wall"}))
    vars(wall)["snapshot"] = monitored.snapshot
    run_on(monitored, "monitor")
    run_on(wall, "monitor")
    found = rows(wall, "SELECT shop_time, now() AS now, age, moved_at FROM recsys.status").iloc[0]
    assert found["shop_time"] == found["now"] and found["age"] == found["now"] - found["moved_at"]
