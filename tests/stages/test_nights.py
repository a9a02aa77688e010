"""Two nights of a small shop, whole and real: files, Great Expectations, TensorFlow, LightGBM,
PostgreSQL.
"""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from recsys_tasks.commands.export_embeddings import export_embeddings
from recsys_tasks.commands.export_folder import FILES
from recsys_tasks.errors import ArtifactError, ValidationFailed
from recsys_tasks.schema import generator_names
from recsys_tasks.stages import Night, run_all, run_on
from recsys_tasks.stages.night import mlflow_url
from tests.stages.shop_nights import FIRST_NIGHT, SECOND_NIGHT, TwoNights, rows


def lists(night: Night) -> pd.DataFrame:
    return rows(night, "SELECT * FROM recsys.recommendations ORDER BY user_id, rank").drop(
        columns="sources"
    )


def test_every_active_user_has_a_list_that_says_why(
    nights: TwoNights,
) -> None:
    second, two = nights.second, nights.two
    found = lists(second)
    assert set(found["as_of"]) == {SECOND_NIGHT}
    assert found["user_id"].nunique() == two["publish"].rows > 300
    assert (found.groupby("user_id")["item_id"].nunique() == 10).all()
    assert found["score"].between(0, 1).all()
    assert found["title"].str.len().gt(0).all() and found["reason"].notna().all()
    served = rows(second, "SELECT release FROM recsys.publications WHERE current")["release"]
    assert set(found["release"].fillna("")) == set(served.fillna(""))


def test_the_second_night_starts_warm_and_reads_only_what_is_new(
    nights: TwoNights,
) -> None:
    one, two = nights.one, nights.two
    assert one["extract"].figures["new_days"] == 42  # 5 January to 15 February
    assert two["extract"].figures["new_days"] == 1
    assert two["train_two_tower"].figures["start"] == "warm"
    assert two["train_two_tower"].figures["lineage"] == one["train_two_tower"].figures["lineage"]


def test_what_a_large_catalogue_is_searched_by_serves_these_nights(
    nights: TwoNights,
) -> None:
    for results in (nights.one, nights.two):
        found = results["build_index"].figures
        assert (
            found["kind"] == "scann"
            and not found["below_floor"]
            and float(str(found["recall"])) >= 0.98
        )


def test_the_gate_decided_in_words_and_the_registry_agrees(
    nights: TwoNights,
) -> None:
    second, one = nights.second, nights.one
    decisions = rows(
        second,
        "SELECT as_of, verdict, paragraph, challenger FROM recsys.gate_decisions ORDER BY id",
    )
    assert list(decisions["as_of"]) == [FIRST_NIGHT, SECOND_NIGHT]
    assert decisions["paragraph"].str.contains("judged on what users did from").all()
    promoted = decisions.loc[decisions["verdict"] == "promote", "challenger"].tolist()
    assert second.registry.champion() == (promoted[-1] if promoted else None)
    ndcg = one["judge"].figures["ndcg@10"]
    assert isinstance(ndcg, float) and ndcg < 0.9  # a perfect score would be a leak


def test_every_generator_is_measured_on_the_gate_window(
    nights: TwoNights,
) -> None:
    second = nights.second
    query = (
        "SELECT scope, name, value FROM recsys.metrics WHERE scope LIKE 'gate/generator=%' AND"
        " as_of = :day"
    )
    found = rows(second, query, day=SECOND_NIGHT).pivot(
        index="scope", columns="name", values="value"
    )
    assert set(found.index) == {f"gate/generator={name}" for name in ("union", *generator_names())}
    assert set(found.columns) == {"recall@300", "unique@300"}
    union = found["recall@300"]["gate/generator=union"]
    assert 0.3 < union <= 1.0 and (found["recall@300"] <= union).all()
    assert (found["unique@300"] <= found["recall@300"]).all() and found["recall@300"].gt(
        0
    ).sum() >= 4


def test_the_towers_ledger_is_in_the_database_and_in_mlflow(
    nights: TwoNights,
) -> None:
    second, two = nights.second, nights.two
    found = rows(second, "SELECT * FROM recsys.tower_versions ORDER BY learned_before")
    # At the label window's start, at E and on both nights. A week is more than a tenth of what is
    # known: cold again. A night is less: warm.
    assert (
        found["start"].iloc[0] == "cold" and found["start"].iloc[-1] == "warm" and len(found) >= 3
    )
    assert found["lineage"].nunique() == 1 and list(found["parent"][1:]) == [
        f"{row.lineage}.{row.learned_before}" for row in found[:-1].itertuples()
    ]
    newest = found.iloc[-1]
    assert (
        newest["learned_before"] == SECOND_NIGHT
        and newest["artifact"] == two["train_two_tower"].artifact
    )
    assert (
        newest["kept"] > 200
        and 0 < newest["drift"] < 1
        and newest["loss"] > 0
        and newest["seconds"] > 0
    )
    client = MlflowClient(tracking_uri=mlflow_url(second.environment))
    experiment = client.get_experiment_by_name("small_shop")
    runs = client.search_runs([experiment.experiment_id], "tags.kind = 'tower'")
    assert {run.info.run_name for run in runs} == set(found["artifact"])
    logged = next(run for run in runs if run.info.run_name == newest["artifact"])
    assert logged.data.metrics["kept"] == newest["kept"] and logged.data.tags["start"] == "warm"


def test_vectors_are_published_where_the_settings_ask_for_it(
    nights: TwoNights,
) -> None:
    second = nights.second
    found = rows(
        second,
        "SELECT count(*) AS n, min(as_of) AS night, min(tower_version) AS tower FROM"
        " recsys.item_vectors",
    )
    served = rows(second, "SELECT tower_version FROM recsys.publications WHERE current")[
        "tower_version"
    ]
    assert (
        found["n"][0] > 200 and found["night"][0] == SECOND_NIGHT and found["tower"][0] == served[0]
    )
    user = lists(second)["user_id"].iloc[0]
    alike = rows(second, "SELECT * FROM recsys.similar_users(:user, 5)", user=user)
    assert (
        len(alike) == 5
        and user not in set(alike["similar_user_id"])
        and alike["similarity"].is_monotonic_decreasing
    )


def test_a_nights_vectors_are_exported_with_a_map(
    nights: TwoNights,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    second = nights.second
    to = tmp_path / "out" / "vectors"
    first = export_embeddings(second.config, second.environment, SECOND_NIGHT, to)
    monkeypatch.chdir(to)
    done = export_embeddings(
        second.config, second.environment, SECOND_NIGHT, Path()
    )  # an earlier export is replaced
    assert done == first and done.folder == to
    table = pd.read_parquet(to / "items.parquet")
    items = dict(zip(table["id"], table["vector"], strict=True))
    served = rows(second, "SELECT item_id, vector::real[] AS vector FROM recsys.item_vectors")
    assert done.items == len(items) == len(served) and done.dimensions == 16
    for item, vector in served.head(20).set_index("item_id")["vector"].items():
        np.testing.assert_allclose(items[item], vector, rtol=1e-6)
    assert set(lists(second)["user_id"]) <= set(pd.read_parquet(to / "users.parquet")["id"])
    assert json.loads((to / "export.json").read_text())["tower"] == done.tower
    assert (to / "map.png").stat().st_size > 50_000 and "mixed" in (to / "map.html").read_text()
    assert len((to / "projector/items/metadata.tsv").read_text().splitlines()) == done.items + 1
    assert {str(path.relative_to(to)) for path in to.rglob("*") if path.is_file()} == set(FILES)
    assert [path.name for path in to.parent.iterdir()] == ["vectors"]
    (to / "export.json").unlink()
    with pytest.raises(ArtifactError, match="name another folder"):
        export_embeddings(second.config, second.environment, SECOND_NIGHT, to)
    assert (to / "map.png").exists()


def test_each_night_has_a_report_with_nothing_left_out(
    nights: TwoNights,
) -> None:
    first, second, one, two = nights.first, nights.second, nights.one, nights.two
    for night, results in ((first, one), (second, two)):
        kept = night.lake.require("report", night.as_of.isoformat())
        assert (
            results["report"].figures["without"] == "sizes"
        )  # the size curve is off in these settings
        html = kept.file("report.html").read_text()
        assert "readers saw tonight" in html and f"night {night.as_of}" in html
        shown = json.loads(kept.file("evidence.json").read_text())
        assert len(shown["lists"]["found"]) == 4 and all(
            sample["items"] for sample in shown["lists"]["found"]
        )
        assert shown["lists"]["found"][0]["items"][0]["why"]
    # After the judge, and again after monitoring, of which only the later one knows the
    # publication.
    versions = second.lake.versions("report", SECOND_NIGHT.isoformat())
    pages = [
        json.loads(version.file("facts.json").read_text())["publications"] for version in versions
    ]
    assert [bool(publications) for publications in pages] == [False, True]


def test_an_unknown_user_gets_the_fallback(
    nights: TwoNights,
) -> None:
    second = nights.second
    found = rows(second, "SELECT * FROM recsys.recommend('nobody', 10)")
    assert len(found) == 10 and set(found["rung"]) == {"popularity"}


def test_a_rerun_changes_nothing_that_readers_see_and_tells_what_it_reads(
    own_nights: TwoNights, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = own_nights.first, own_nights.second
    before = lists(second)
    caplog.set_level(logging.INFO, "recsys_tasks")
    again = {
        r.stage: r for r in run_all(Night.open(second.config, second.environment, SECOND_NIGHT))
    }
    assert (
        again["extract"].reused and again["train_two_tower"].reused and again["train_ranker"].reused
    )
    assert again["precompute_shard.0"].figures["loaded"] == 0
    told = "\n".join(caplog.messages)
    for stage, result in again.items():
        assert f"{stage} of {SECOND_NIGHT} starts" in told and f"{result.summary()}; " in told
    for kind in ("snapshot", "tower", "embeddings", "features", "generators", "index", "release"):
        assert f"reads {kind}/" in told
    assert not set(told.split()) & set(second.snapshot.users["user_id"])
    pd.testing.assert_frame_equal(lists(second), before)
    # an older night, run again, never takes readers back
    for _ in run_all(Night.open(first.config, first.environment, FIRST_NIGHT)):
        pass
    pd.testing.assert_frame_equal(lists(second), before)


def test_a_bad_batch_stops_the_night_and_a_corrected_one_is_really_read(
    own_nights: TwoNights,
) -> None:
    second, shop, two = own_nights.second, own_nights.shop, own_nights.two
    before = lists(second)
    shop.write_bad_batch(FIRST_NIGHT)
    night = Night.open(second.config, second.environment, SECOND_NIGHT)
    assert run_on(night, "extract").figures["changed_days"] == 1
    with pytest.raises(ValidationFailed) as caught:
        run_on(night, "freeze")
    assert "events.unknown_item" in str(caught.value)
    pd.testing.assert_frame_equal(lists(second), before)

    shop.write_corrected_batch(FIRST_NIGHT)
    file = second.environment.home / "shop" / "events" / f"{FIRST_NIGHT}.parquet"
    shorter = pd.read_parquet(file).iloc[:-25]  # a correction: 25 rows were withdrawn
    shorter.to_parquet(file)
    corrected = {
        r.stage: r for r in run_all(Night.open(second.config, second.environment, SECOND_NIGHT))
    }
    assert corrected["freeze"].rows == two["freeze"].rows - 25
    assert corrected["train_two_tower"].artifact != two["train_two_tower"].artifact
    assert corrected["publish"].figures["shown"] is True
    assert set(lists(second)["publication_id"]) == {corrected["publish"].figures["publication"]}


def test_a_night_off_serves_with_the_champion_and_the_newest_tower(
    own_nights: TwoNights,
) -> None:
    second, shop = own_nights.second, own_nights.shop
    shop.simulate_day(SECOND_NIGHT, {})
    weekly = {"train_ranker_every_days": 7, "train_two_tower_every_days": 7}
    config = second.config.model_copy(
        update={"schedule": second.config.schedule.model_copy(update=weekly)}
    )
    third = Night.open(config, second.environment, SECOND_NIGHT + timedelta(days=1))
    found = {result.stage: result for result in run_all(third)}
    assert third.registry.champion() is not None
    for stage in ("build_examples", "train_ranker", "judge"):
        assert found[stage].artifact.startswith("not due tonight")
    assert found["train_two_tower"].artifact.split("/")[1].endswith(f".{SECOND_NIGHT}")
    assert set(lists(third)["as_of"]) == {SECOND_NIGHT + timedelta(days=1)}
