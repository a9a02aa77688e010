"""Train the retrieval model on the new days, from where last night's version left off."""

from __future__ import annotations

from airflow.sdk import DAG
from recsys_airflow import after, dag_arguments, stage

with DAG(doc_md=__doc__, **dag_arguments("train_two_tower", after("snapshot"), "retrieval")):
    stage("train_two_tower")()
