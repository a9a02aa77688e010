"""Airflow's rows of long ago go with the logs of their runs, and nothing else does."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from recsys_tasks.commands.airflow_database import URL, airflow_url, clean_airflow
from recsys_tasks.database import create_engine, owner_url, urls
from tests.commands.airflow_home import airflow_home, home_of


def test_runs_of_long_ago_go_and_connections_and_dags_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, night = datetime.fromtimestamp(time.time(), UTC), timedelta(days=1)
    environment = home_of(tmp_path)
    with airflow_home(environment) as home:
        monkeypatch.setenv(URL, "airflow-db-not-allowed:///")  # as in a task
        assert airflow_url(environment) == urls(environment.home)["airflow"]
        for run, days in (("old", 60), ("kept", 40), ("new", 1)):
            home.ran(run, now - days * night)
        home.airflow("connections", "add", "slack_alerts", "--conn-type", "http")
        with home.connected() as connection:
            connection.execute(
                sa.text(
                    "INSERT INTO dag_bundle (name, active) VALUES ('dags', true)"
                    " ON CONFLICT DO NOTHING"
                )
            )
            connection.execute(
                sa.text(
                    "INSERT INTO dag (dag_id, bundle_name, is_paused, last_parsed_time,"
                    " max_active_tasks, max_consecutive_failed_dag_runs, fail_fast, is_stale,"
                    " has_task_concurrency_limits, timetable_type, exceeds_max_non_backfill,"
                    " partition_mapper_info)"
                    " VALUES ('validate_data', 'dags', true, :day, 9, 0, false, false, false, '',"
                    " false, '[]')"
                ),
                {"day": now - 90 * night},
            )
        said = clean_airflow(environment, now)
        assert said == f"Airflow's rows from before {now - 30 * night:%Y-%m-%d} are removed"
        assert home.rows("SELECT run_id FROM dag_run") == ["new"]
        assert home.rows("SELECT run_id FROM log WHERE event = 'trigger'") == ["new"]
        assert home.rows("SELECT dag_id FROM dag WHERE is_paused") == ["validate_data"]
        assert home.rows("SELECT conn_id FROM connection") == ["slack_alerts"]
        assert home.rows("SELECT relname FROM pg_class WHERE relname LIKE '_airflow_del%'") == []


def test_after_a_long_outage_runs_of_the_last_nights_stay(tmp_path: Path) -> None:
    now, night = datetime.fromtimestamp(time.time(), UTC), timedelta(days=1)
    environment = home_of(tmp_path)
    with airflow_home(environment) as home:
        engine = create_engine(owner_url(environment))
        with engine.begin() as connection:
            connection.execute(
                sa.text(
                    "INSERT INTO recsys.stage_runs (as_of, stage, seconds, rows, figures,"
                    " finished_at) VALUES ('2026-03-01', 'embed', 1, 1, '{}', :day)"
                ),
                {"day": now - 50 * night},
            )
        engine.dispose()
        for run, days in (("before", 60), ("last", 50)):
            home.ran(run, now - days * night)
        clean_airflow(environment, now)
        assert home.rows("SELECT run_id FROM dag_run") == ["last"]


def test_a_home_without_airflows_tables_is_left_alone(tmp_path: Path) -> None:
    environment = home_of(tmp_path)
    with airflow_home(environment, migrated=False) as home:
        assert "not in this home" in clean_airflow(environment, datetime.fromtimestamp(0, UTC))
        assert home.rows("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [0]
    assert airflow_url(environment) is None  # nothing runs there
