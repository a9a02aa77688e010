"""Train tonight's rankers and judge them against the champion; emitted whatever the verdict is.

With `gate.approval` a promotion waits for a person, and the night goes on with the champion
meanwhile.
"""

from __future__ import annotations

from airflow.sdk import DAG
from recsys_airflow import INDEX, RELEASE, after, dag_arguments, promotion, stage

with DAG("train_ranker", doc_md=__doc__, **dag_arguments(after(INDEX), "ranking")):
    judged = stage("judge", emits=RELEASE)()
    stage("build_examples")() >> stage("train_ranker")() >> judged
    promotion(judged)
    judged >> stage("report")()
