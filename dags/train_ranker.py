"""Make features, train tonight's rankers on them and judge those against the champion.

The release asset is updated whatever the verdict is.

With `gate.approval` a promotion waits for a person, and the night goes on with the champion
meanwhile.
"""

from __future__ import annotations

from airflow.sdk import DAG
from recsys_airflow import after, dag_arguments, stage
from recsys_approval import promotion

with DAG(**dag_arguments("train_ranker", after("index"), "ranking", doc=__doc__)):
    tables, judged = stage("build_features")(), stage("judge")()
    tables >> stage("build_examples")() >> stage("train_ranker")() >> judged
    promotion(judged)
    judged >> stage("report")()
