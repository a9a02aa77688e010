"""Train the retrieval model on the new days, from where last night's version left off."""

from __future__ import annotations

from airflow.sdk import DAG
from recsys_airflow import SNAPSHOT, TOWER, after, dag_arguments, stage

with DAG("train_two_tower", doc_md=__doc__, **dag_arguments(after(SNAPSHOT), "retrieval")):
    stage("train_two_tower", emits=TOWER)()
