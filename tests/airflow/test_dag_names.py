"""What a newcomer reads in Airflow's lists: names in the order of the night, and what each does."""

from __future__ import annotations

from airflow.dag_processing.dagbag import DagBag

from recsys_tasks.dag_names import NIGHTLY_DAGS, OTHER_DAGS
from tests.airflow.conftest import ROOT


def test_names_and_descriptions_tell_a_newcomer_the_order_of_the_night() -> None:
    bag = DagBag(dag_folder=str(ROOT / "dags"))
    shown = [bag.dags[dag_id].dag_display_name for dag_id in (*NIGHTLY_DAGS, *OTHER_DAGS)]
    assert shown == [
        "1 · Validate data",
        "2 · Train two-tower",
        "3 · Build index",
        "4 · Train ranker",
        "5 · Precompute recommendations",
        "6 · Monitor recommendations",
        "Watch freshness",
        "Maintain storage",
        "Fire drill",
    ]
    for dag in bag.dags.values():
        told = dag.description or ""
        assert len(told) > 30 and "\n" not in told and told in " ".join(str(dag.doc_md).split())
    freeze = bag.dags["validate_data"].get_task("freeze").doc_md
    assert freeze is not None and "Writes: " in freeze and "snapshot" in freeze
