"""Train the retrieval model on the new days, from where last night's version left off."""

from __future__ import annotations

from airflow.sdk import DAG
from recsys_airflow import after, dag_arguments, stage

with DAG(**dag_arguments("train_two_tower", after("snapshot"), "retrieval", doc=__doc__)):
    stage("train_two_tower")()
