"""Compute every active user's list, a shard a task, and publish all of them in one step."""

from __future__ import annotations

from airflow.sdk import DAG
from recsys_airflow import PUBLICATION, RELEASE, after, dag_arguments, settings, stage

with DAG("precompute_recommendations", doc_md=__doc__, **dag_arguments(after(RELEASE), "serving")):
    shards = stage("precompute_shard").expand(shard=list(range(settings().serving.shards)))
    stage("prepare_publication")() >> shards >> stage("publish", emits=PUBLICATION)()
