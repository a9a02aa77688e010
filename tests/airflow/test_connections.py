"""A connection in a variable is as Airflow reads it, and a source's is handed to the stages."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from recsys_tasks.config import connection_of_environment

pytestmark = pytest.mark.airflow
FIELDS = ("host", "login", "password", "schema", "port")


@pytest.mark.parametrize(
    "given",
    [
        "slackwebhook://:T0%2FB0%2Fxyz@hooks.slack.com%2Fservices",
        "slackwebhook://https://hooks.slack.com/services",
        "http://https://example.com:8443/path",
        "http://:tok%25en-word@example.com:80/https?path=a",
        "https://user:p%40ss-word@h/x?__extra__=%7B%22path%22%3A%20%22a%22%7D",
        "postgres://u:p%2Fw-ord@:5432/db?host=%2Ftmp%2Fx",
        json.dumps({"conn_type": "postgres", "host": "h", "password": "p/w-ord", "port": 5432}),
        json.dumps({"conn_type": "http", "host": "h", "extra": {"path": "a"}}),
    ],
)
def test_a_variable_is_read_as_airflow_reads_it(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.models.connection import Connection

    monkeypatch.setenv("AIRFLOW_CONN_SHOP_DB", given)
    ours = connection_of_environment("shop_db")
    if given.startswith("{"):
        airflows = Connection.from_json(given, conn_id="shop_db")
    else:
        airflows = Connection(conn_id="shop_db", uri=given)
    assert ours is not None
    assert ours.kind == airflows.conn_type
    for name in FIELDS:
        assert (getattr(ours, name) or None) == (getattr(airflows, name) or None), name
    assert ours.extra_dejson == airflows.extra_dejson
    assert "w-ord" not in repr(ours) and "en-word" not in repr(ours)


@pytest.mark.parametrize(
    "fields",
    [
        {"conn_type": "postgres", "host": "h", "password": "p/w", "schema": "s"},
        {"conn_type": "google_cloud_platform", "extra": {"key_path": "/keys/shop.json"}},
    ],
)
def test_the_connection_that_a_source_names_reaches_its_stages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any]
) -> None:
    import recsys_channels
    from airflow.models.connection import Connection

    settings = {
        "project": "shop",
        "source": {"kind": "sql", "connection": "shop-db", "events": "e", "items": "i"},
        "objectives": [{"name": "purchase", "events": ["purchase"]}],
    }
    (tmp_path / "recsys.yaml").write_text(yaml.safe_dump(settings))
    monkeypatch.setenv("RECSYS_CONFIG", str(tmp_path / "recsys.yaml"))
    monkeypatch.delenv("AIRFLOW_CONN_SHOP_DB", raising=False)
    kept = Connection(conn_id="shop-db", **fields)
    monkeypatch.setattr("recsys_channels.BaseHook.get_connection", {"shop-db": kept}.get)
    recsys_channels.lend_connections()
    lent = connection_of_environment("shop-db")
    os.environ.pop("AIRFLOW_CONN_SHOP_DB")
    assert lent is not None and lent.kind == fields["conn_type"]
    for name in FIELDS:
        assert (getattr(lent, name) or None) == fields.get(name), name
    assert lent.extra_dejson == fields.get("extra", {})
