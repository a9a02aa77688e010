"""Train tonight's rankers and judge them against the champion; emitted whatever the verdict is."""

from __future__ import annotations

from airflow.sdk import DAG
from recsys_airflow import INDEX, RELEASE, after, dag_arguments, stage

with DAG("train_ranker", doc_md=__doc__, **dag_arguments(after(INDEX), "ranking")):
    stage("build_examples")() >> stage("train_ranker")() >> stage("judge", emits=RELEASE)()
