"""Compute every active user's list, a shard a task, and publish all of them in one step."""

from __future__ import annotations

from airflow.sdk import DAG
from recsys_airflow import after, dag_arguments, every_shard, stage

with DAG(**dag_arguments("precompute_recommendations", after("release"), "serving", doc=__doc__)):
    shards = stage("precompute_shard").expand(shard=every_shard())
    stage("prepare_publication")() >> shards >> stage("publish")()
