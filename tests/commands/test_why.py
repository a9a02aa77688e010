"""`recsys why`: what it says of an item is what the database and the night's artifacts say."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.commands.why import Step, steps_of, verdict
from recsys_tasks.database import create_engine, urls
from recsys_tasks.errors import ConfigError
from recsys_tasks.serving.publication import Publication, current_publication
from recsys_tasks.stages import Night
from tests.stages.finished_nights import finished_both_nights, running_copy
from tests.stages.shop_nights import rows


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    finished = finished_both_nights(tmp_path_factory)
    with running_copy(finished.folder, tmp_path_factory.mktemp("why")) as (_, _, second):
        yield second


@pytest.fixture(scope="module")
def publication(night: Night) -> Publication:
    found = current_publication(night.engine)
    assert found is not None
    return found


def by_step(steps: list[Step]) -> dict[str, Step]:
    assert len({step.step for step in steps}) == len(steps)
    return {step.step: step for step in steps}


def own_lists(night: Night) -> pd.DataFrame:
    query = "SELECT user_id, rank, item_id FROM recsys.recommendations ORDER BY user_id, rank"
    return rows(night, query)


def test_every_item_of_a_list_passes_and_the_list_is_the_published_one(
    night: Night, publication: Publication
) -> None:
    lists = own_lists(night)
    for user in sorted(set(lists.user_id))[::150]:
        for place in lists[lists.user_id == user].itertuples():
            if place.rank in (1, publication.k):
                steps = by_step(steps_of(night, publication, user, place.item_id))
                assert all(step.passed is not False for step in steps.values()), steps
                assert f"place {place.rank} of" in steps["shown now"].found
                assert f"place {place.rank}:" in steps["place after the rules"].found
                told = verdict(list(steps.values()), user, place.item_id)
                assert told.startswith(f"{place.item_id} is shown to {user}: place {place.rank}")


def test_what_is_not_shown_is_lost_at_a_step_that_other_tables_confirm(
    night: Night, publication: Publication
) -> None:
    lists = own_lists(night)
    user = sorted(set(lists.user_id))[1]
    shown = set(rows(night, f"SELECT item_id FROM recsys.recommend('{user}', 1000)").item_id)
    catalogue = rows(night, "SELECT item_id, available, available_from FROM recsys.catalogue")
    sold_out = set(catalogue[~catalogue.available].item_id)
    candidates = night_candidates(night, user)
    lost: dict[str, int] = {}
    others = sorted(set(catalogue.item_id) - shown)
    asked = {*others[::7], *sorted(sold_out - shown)[:5], *(set(others) - candidates)}
    for item in sorted(asked):
        steps = steps_of(night, publication, user, item)
        found = by_step(steps)
        assert found["shown now"].passed is False and found["the list, made again"].passed
        where = next(s.step for s in steps if s.passed is False and s.step != "shown now")
        lost[where] = lost.get(where, 0) + 1
        assert (item in sold_out) == (found["on offer now"].passed is False)
        if where in ("named by a generator", "candidate"):
            assert item not in candidates
        elif where in ("light ranker", "place after the rules"):
            assert item in candidates
    assert sum(lost.values()) > 10 and lost["place after the rules"], lost
    assert lost.get("on offer now", 0) >= min(len(sold_out - shown), 5), lost


def night_candidates(night: Night, user: str) -> set[str]:
    """Ids of a user's candidates, as the shards of the night get them."""
    from recsys_tasks.stages.inputs import open_inputs
    from recsys_tasks.stages.plan import read_plan

    plan = read_plan(night.lake, night.as_of)
    inputs = open_inputs(night.snapshot, plan.lineage, night.tonight, night.lake.get(plan.index))
    key = int(night.snapshot.users.index[night.snapshot.users.user_id == user][0])
    items = inputs.retriever.block(np.array([key], np.int32)).items[0]
    return set(night.snapshot.items.item_id.iloc[items[items >= 0]])


def test_a_user_without_a_list_is_told_of_the_fallback(
    night: Night, publication: Publication
) -> None:
    audience = rows(night, "SELECT user_id, served_by FROM recsys.audience ORDER BY user_id")
    user = audience[audience.served_by != "own"].user_id.iloc[0]
    popular = rows(night, f"SELECT item_id FROM recsys.recommend('{user}') ORDER BY rank").item_id
    steps = by_step(steps_of(night, publication, user, popular[0]))
    assert steps["shown now"].passed and "fallback list" in steps["user"].found
    assert "named by a generator" not in steps and "may be shown to this user" in steps


def test_a_place_beyond_the_spares_is_told_as_one_of_a_fallback_list(
    night: Night, publication: Publication
) -> None:
    lists = own_lists(night)
    user = sorted(set(lists.user_id))[0]
    places = rows(night, f"SELECT rank, item_id, variant FROM recsys.recommend('{user}', 1000)")
    spare = places[(places["rank"] > publication.k) & (places.variant != "fallback")].iloc[0]
    popular = places[places.variant == "fallback"].iloc[0]
    told = by_step(steps_of(night, publication, user, spare.item_id))["shown now"]
    assert told.found.startswith(f"place {spare['rank']}: a spare"), told
    told = by_step(steps_of(night, publication, user, popular.item_id))["shown now"]
    assert not told.passed and "from a fallback list" in told.found, told
    assert f"place {popular['rank']}:" in told.found and "a spare" not in told.found, told


def test_a_user_whom_the_night_did_not_know_is_told_what_is_forbidden_to_such_users(
    night: Night, publication: Publication
) -> None:
    popular = rows(night, "SELECT item_id FROM recsys.recommend('nobody') ORDER BY rank").item_id[0]
    owner = create_engine(urls(night.environment.home)["recsys_owner"])
    with owner.begin() as connection:
        connection.execute(
            sa.text(
                f"CREATE TABLE recsys.forbidden_to_others PARTITION OF recsys.withheld_rows"
                f" FOR VALUES IN ({publication.id})"
            )
        )
        connection.execute(
            sa.text(
                "INSERT INTO recsys.withheld_rows (publication_id, user_key, items)"
                f" SELECT {publication.id}, -1, ARRAY[item_key] FROM recsys.items"
                " WHERE item_id = :item"
            ),
            {"item": popular},
        )
        connection.execute(
            sa.text(
                "INSERT INTO recsys.users (user_id, user_key)"
                " SELECT 'came later', max(user_key) + 1 FROM recsys.users"
            )
        )
    try:
        shown = rows(night, "SELECT item_id FROM recsys.recommend('came later', 1000)").item_id
        steps = by_step(steps_of(night, publication, "came later", popular))
    finally:
        with owner.begin() as connection:
            connection.execute(sa.text("DROP TABLE recsys.forbidden_to_others"))
            connection.execute(sa.text("DELETE FROM recsys.users WHERE user_id = 'came later'"))
        owner.dispose()
    assert popular not in set(shown)
    assert steps["may be shown to this user"].passed is False, steps


def test_an_unknown_id_is_refused_and_the_command_prints_what_programs_read(
    night: Night, publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="'nobody', which no night has seen"):
        steps_of(night, publication, "nobody", "i0")
    monkeypatch.setenv("RECSYS_HOME", str(night.environment.home))
    monkeypatch.setenv("RECSYS_CONFIG", str(night.environment.home.parent / "recsys.yaml"))
    place = own_lists(night).iloc[0]
    told = CliRunner().invoke(app, ["why", place.user_id, place.item_id, "--json"])
    assert told.exit_code == 0, told.output
    assert {"step": "shown now", "passed": True}.items() <= json.loads(told.stdout)[1].items()
    told = CliRunner().invoke(app, ["why", place.user_id, place.item_id])
    assert f"{place.item_id} is shown to {place.user_id}: place 1" in told.output
    told = CliRunner().invoke(app, ["why", place.user_id, "no such item"])
    assert told.exit_code == 1 and "recsys sql -c" in told.output
