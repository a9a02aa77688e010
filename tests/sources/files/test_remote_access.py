"""What an object store asks for: a driver, an address, and credentials, which nothing prints."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from recsys_tasks.config import parse_config
from recsys_tasks.errors import ConfigError, TransientError
from recsys_tasks.sources.base import open_source, source_of
from tests.object_store import KEY, SECRET
from tests.sources.files.test_remote import HEADER, config_of, reader, row


def without_credentials(monkeypatch: pytest.MonkeyPatch, s3: Any) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    type(s3).clear_instance_cache()


def test_a_connection_has_the_credentials_and_the_address(
    s3: Any, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.pipe("shop/events/a.csv", (HEADER + row("ann")).encode())
    s3.pipe("shop/items.csv", b"item_id\nlamp\n")
    without_credentials(monkeypatch, s3)
    extra = {"endpoint_url": server, "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": KEY, "password": SECRET, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_S3", json.dumps(connection))
    config = config_of("s3://shop", source={"connection": "shop_s3"})
    assert config.source.connections == ("shop_s3",)
    source = reader(config)
    assert source.read_events(None, date(2026, 2, 1)).num_rows == 1
    assert SECRET not in repr(vars(source)) + repr(config)
    source.close()
    assert list(source_of(config).examine(config, config.source)) == [(True, "data files: there")]
    monkeypatch.delenv("AIRFLOW_CONN_SHOP_S3")
    with pytest.raises(ConfigError, match="AIRFLOW_CONN_SHOP_S3"):
        reader(config)


def test_without_credentials_or_a_server_the_error_says_so(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    type(s3).clear_instance_cache()
    with pytest.raises(TransientError) as away:
        reader(config_of("s3://shop")).parts("events")
    without_credentials(monkeypatch, s3)
    with pytest.raises(ConfigError) as caught:
        reader(config_of("s3://shop")).parts("events")
    assert "AWS_ACCESS_KEY_ID" in caught.value.remedy
    for error in (away.value, caught.value):
        assert not any(word in str(error) for word in (KEY, SECRET))


@pytest.mark.parametrize("place", ["setting", "variable"])
def test_credentials_in_a_url_are_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    url = f"s3://{KEY}:{SECRET}@shop/events"
    monkeypatch.setenv("SHOP_FILES", url)
    source = {
        "kind": "files",
        "items": "i",
        "events": url if place == "setting" else "${SHOP_FILES}",
    }
    objectives = [{"name": "o", "events": ["purchase"]}]
    with pytest.raises(ConfigError) as caught:
        open_source(
            parse_config({"project": "p", "source": source, "objectives": objectives}), Path()
        )
    assert "source.connection" in str(caught.value)
    assert not any(word in str(caught.value) for word in (KEY, SECRET, "s3cr3t"))


@pytest.mark.parametrize(
    ("scheme", "driver", "words"),
    [
        ("s3", "s3fs", "make setup EXTRAS=s3"),
        ("gs", "gcsfs", "make setup EXTRAS=gs"),
        ("nosuch", "nosuch", "fsspec's driver of nosuch://"),
    ],
)
def test_without_its_driver_the_error_says_what_to_install(
    scheme: str, driver: str, words: str
) -> None:
    """In a process of its own: a driver that was once loaded stays."""
    code = (
        f"import sys; sys.modules[{driver!r}] = None\n"
        "from recsys_tasks.sources.files.remote import RemoteFiles\n"
        f"RemoteFiles('{scheme}://shop/events')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ConfigError" in done.stderr
    assert words in done.stderr
