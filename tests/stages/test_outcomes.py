"""What the monitor stage counts for analysts, on the literal shop: by hand, after an erasure, and
once the lists are gone.
"""

from __future__ import annotations

from typing import Any

from recsys_tasks.serving.retire import forget_history, retire
from recsys_tasks.stages import Night, run_on
from tests.serving.conftest import empty  # noqa: F401  # the fixture
from tests.stages.shop_nights import rows
from tests.stages.test_monitor import AFTER, BEFORE, monitored  # noqa: F401  # the fixture

OUTCOMES = """SELECT user_id, segment, rank, item_id, event, times, amount, as_of, complete
    FROM recsys.outcomes ORDER BY user_id, event"""
COUNTS = """SELECT event, coalesce(segment, '') AS segment, rank, sum(places)::int AS places,
    sum(places_with)::int AS places_with FROM recsys.outcome_counts
    GROUP BY event, segment, rank ORDER BY event, segment, rank"""


def test_outcomes_are_what_users_did_with_the_places_that_they_saw(
    monitored: Night,  # noqa: F811
) -> None:
    """u0 looked at c and u3 at e, each first in the list; u1 bought a; u2's f was in no list of
    the user's, and u4 had none.
    """
    found = [tuple(row) for row in rows(monitored, OUTCOMES).to_numpy(object)]
    assert [row[:6] for row in found] == [
        ("u0", "nl", 1, "c", "view", 1),
        ("u1", "nl", 1, "a", "purchase", 1),
        ("u3", "be", 1, "e", "view", 1),
    ]
    assert {row[6:] for row in found} == {(None, BEFORE, True)}  # this shop tells no prices
    counts = [tuple(row) for row in rows(monitored, COUNTS).to_numpy(object)]
    assert counts == [
        ("purchase", "be", 1, 1, 0),
        ("purchase", "be", 2, 1, 0),
        ("purchase", "nl", 1, 3, 1),
        ("purchase", "nl", 2, 3, 0),
        ("view", "be", 1, 1, 1),
        ("view", "be", 2, 1, 0),
        ("view", "nl", 1, 3, 1),
        ("view", "nl", 2, 3, 0),
    ]


def test_an_erased_user_leaves_the_outcomes_and_their_counts(
    monitored: Night,  # noqa: F811
) -> None:
    groups = "SELECT * FROM recsys.audience_counts ORDER BY 1, 2, 3, 4, 5"
    counted = rows(monitored, groups)
    with monitored.engine.begin() as connection:
        told = connection.exec_driver_sql("SELECT place FROM recsys.user_rows(0, 'u0', 'u0')")
        assert {"outcome_rows", "list_change_rows"} <= set(told.scalars())
        held: dict[str, int] = dict(
            connection.exec_driver_sql(
                "SELECT place, held FROM recsys.erase_user(0, 'u0', 'u0', false)"
            ).all()
        )
    assert held["outcome_rows"] == 1 and held["list_change_rows"] == 1
    assert set(rows(monitored, OUTCOMES)["user_id"]) == {"u1", "u3"}
    after = rows(monitored, groups)
    assert counted["users"].sum() - after["users"].sum() == counted["publication_id"].nunique()
    own = "SELECT segment, count(*) AS users FROM recsys.audience GROUP BY 1 ORDER BY 1"
    left = after[after["publication_id"] == after["publication_id"].max()]
    by_segment = left.groupby("segment", dropna=False)["users"].sum()
    assert by_segment.to_dict() == rows(monitored, own).set_index("segment")["users"].to_dict()
    counts: Any = rows(monitored, COUNTS).set_index(["event", "segment", "rank"])
    first = counts.loc[("view", "nl", 1)]
    assert (first["places"], first["places_with"]) == (2, 0)


def test_outcomes_of_lists_that_nobody_saw_are_not_counted(
    monitored: Night,  # noqa: F811
) -> None:
    with monitored.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE recsys.publication SET published_at = NULL WHERE as_of = '2026-03-09'"
        )
        connection.exec_driver_sql("DELETE FROM recsys.outcome_windows")
    run_on(monitored, "monitor")
    assert rows(monitored, "SELECT count(*) AS n FROM recsys.outcome_counts")["n"][0] == 0


def test_counts_stay_for_the_nights_of_the_settings_after_their_lists_are_gone(
    monitored: Night,  # noqa: F811
) -> None:
    """Both nights' lists go, and then what is a day older than what readers see."""
    publications = rows(monitored, "SELECT publication_id FROM recsys.publications ORDER BY 1")
    earlier = int(publications["publication_id"][0])
    with monitored.engine.begin() as connection:
        retire(connection, earlier, monitored.now)
    history = "SELECT as_of, item_id, lists FROM recsys.item_history ORDER BY as_of, item_id"
    kept = [tuple(row) for row in rows(monitored, history).to_numpy(object)]
    a_night = [("a", 1), ("b", 1), ("c", 3), ("d", 1), ("e", 2)]
    assert kept == [(day, *shown) for day in (BEFORE, AFTER) for shown in a_night]
    exposed = "SELECT DISTINCT as_of FROM recsys.item_exposure"
    assert list(rows(monitored, exposed)["as_of"]) == [AFTER]
    assert rows(monitored, OUTCOMES).empty and not rows(monitored, COUNTS).empty
    metrics = "SELECT count(*) AS n FROM recsys.metrics WHERE as_of = '2026-03-09' AND scope"
    forget_history(monitored.engine, 2, 2)
    assert len(rows(monitored, history)) == 10 and not rows(monitored, COUNTS).empty
    assert rows(monitored, f"{metrics} LIKE 'realised/%'")["n"][0] > 0
    forget_history(monitored.engine, 1, 2)
    # The detailed metrics of the older night are gone, those of the view nights are not yet.
    assert rows(monitored, f"{metrics} LIKE 'realised/%'")["n"][0] == 0
    assert rows(monitored, f"{metrics} IN ('lists', 'realised')")["n"][0] > 0
    forget_history(monitored.engine, 1, 1)
    assert rows(monitored, f"{metrics} IS NOT NULL")["n"][0] == 0
    assert list(rows(monitored, history)["as_of"].unique()) == [AFTER]
    assert rows(monitored, COUNTS).empty
    assert rows(monitored, "SELECT count(*) AS n FROM recsys.slices")["n"][0] == 0
