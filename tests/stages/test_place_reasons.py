"""Why a place is there: what the monitor stage writes of a sample, and what the command says of
anyone, beside the ranker's own scores.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from recsys_tasks.cli import app
from recsys_tasks.commands.why import open_recommender_of
from recsys_tasks.ranking.columns import Block, feature_matrix
from recsys_tasks.ranking.lists.place_reasons import place_reasons
from recsys_tasks.ranking.models.contributions import boosters
from recsys_tasks.ranking.models.ranker import predict_objectives
from recsys_tasks.serving.publication import current_publication
from recsys_tasks.stages import Night
from recsys_tasks.stages.plan import plan_of
from tests.stages.finished_nights import finished_both_nights, running_copy
from tests.stages.shop_nights import rows
from tests.stages.test_what_readers_are_told import answer


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    finished = finished_both_nights(tmp_path_factory)
    with running_copy(finished.folder, tmp_path_factory.mktemp("reasons")) as (_, _, second):
        yield second


def written(night: Night) -> pd.DataFrame:
    return rows(
        night,
        "SELECT * FROM recsys.place_reasons WHERE publication_id = (SELECT publication_id FROM"
        " recsys.status) ORDER BY user_id, rank, place",
    )


def test_each_place_of_the_sample_has_its_five_strongest_features(night: Night) -> None:
    found, lists = (
        written(night),
        rows(night, "SELECT user_id, rank, item_id FROM recsys.recommendations"),
    )
    sample = set(rows(night, "SELECT user_id FROM recsys.user_sample")["user_id"])
    users = set(found["user_id"])
    assert len(users) == night.config.monitoring.explained_users and users <= sample
    places = found.drop_duplicates(["user_id", "rank"])[["user_id", "rank", "item_id"]]
    theirs = lists[lists["user_id"].isin(users)]
    assert set(map(tuple, places.to_numpy())) == set(map(tuple, theirs.to_numpy()))
    for _, one in found.groupby(["user_id", "rank"]):
        strength = one["contribution"].abs()
        assert strength.is_monotonic_decreasing and len(one) <= 5
    titles = answer(night, "Which features put")
    assert set(titles["feature"]) <= set(found["feature"]) and len(titles) > 3


def test_all_contributions_of_a_place_add_up_to_its_raw_score(night: Night) -> None:
    """The compiled trees that made the lists, beside LightGBM's own SHAP values and their base."""
    publication = current_publication(night.engine)
    assert publication is not None
    _, recommender = open_recommender_of(night, publication)
    plan = plan_of(night.lake.require("plan", night.as_of.isoformat()))
    assert plan.release is not None and recommender.ranker is not None
    release = night.lake.get(plan.release)
    ranker, users = recommender.ranker, np.array([0, 7, 30], np.int32)
    block = Block(recommender.inputs, recommender.inputs.retriever.block(users))
    items = np.ascontiguousarray(block.candidates.items[:, :4])
    first = block.there & (np.arange(block.there.shape[1]) < 4)
    matrix = feature_matrix(block, ranker.heavy_names, first)
    shares = np.array([objective["weight"] for objective in ranker.facts["objectives"]])
    models = boosters(release, "heavy")
    base: Any = [m.predict(matrix.X[:1], pred_contrib=True)[0, -1] for m in models]
    raw: Any = np.column_stack([m.predict(matrix.X, raw_score=True) for m in models])
    compiled = predict_objectives(ranker.heavy_models, matrix.X)
    for column, model in enumerate(models):  # the same order by both
        scores: Any = model.predict(matrix.X)
        np.testing.assert_allclose(compiled[:, column], scores, rtol=1e-5, atol=1e-6)
    found = place_reasons(recommender, release, users, items, 10_000)
    assert len(found) == items.size
    told = {(one.row, one.item): sum(one.contributions) for one in found}
    for at, (row, column) in enumerate(zip(matrix.user_row, matrix.column, strict=True)):
        item = int(block.candidates.items[row, column])
        assert told[int(row), item] == pytest.approx((raw[at] - base) @ shares, abs=1e-6)


def test_the_command_says_of_a_user_what_the_view_has(night: Night) -> None:
    found = written(night)
    user = found["user_id"].iloc[0]
    folder = night.environment.home
    home = {"RECSYS_HOME": str(folder), "RECSYS_CONFIG": str(folder.parent / "recsys.yaml")}
    told = CliRunner().invoke(app, ["place-reasons", user, "--most", "5", "--json"], env=home)
    assert told.exit_code == 0, told.output
    said = json.loads(told.stdout)
    wanted = found[found["user_id"] == user]
    assert [(one["rank"], one["item_id"], one["feature"]) for one in said] == list(
        zip(wanted["rank"], wanted["item_id"], wanted["feature"], strict=True)
    )
    assert [one["contribution"] for one in said] == pytest.approx(
        list(wanted["contribution"]), rel=1e-5
    )
    unknown = CliRunner().invoke(app, ["place-reasons", "nobody"], env=home)
    assert unknown.exit_code == 1 and "which no night has seen" in unknown.output
