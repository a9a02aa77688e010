"""Object stores for the tests of remote files: one in memory, and a server that answers as S3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fsspec
import pytest

KEY, SECRET = "AKIAEXAMPLE", "s3cr3t/word+for=tests"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """URL of a server that answers as S3 does."""
    pytest.importorskip("s3fs", reason="S3 is not tried: make setup EXTRAS='s3 s3test'")
    moto = pytest.importorskip("moto.server", reason="S3 is not tried: EXTRAS='s3 s3test'")
    served = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    served.start()
    host, port = served.get_host_and_port()
    yield f"http://{host}:{port}"
    served.stop()


@pytest.fixture
def s3(server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An S3 file system, with what its driver finds in the environment."""
    for name, value in (
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_ENDPOINT_URL", server),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ):
        monkeypatch.setenv(name, value)
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    type(files).clear_instance_cache()
    if files.exists("shop"):
        files.rm("shop", recursive=True)
    files.mkdir("shop")
    return files


@pytest.fixture(params=["memory", "s3"])
def store(request: pytest.FixtureRequest) -> tuple[str, Any]:
    """(URL of an empty bucket, its file system)."""
    if request.param == "s3":
        return "s3://shop", request.getfixturevalue("s3")
    files = fsspec.filesystem("memory")
    if files.exists("/shop"):
        files.rm("/shop", recursive=True)
    return "memory://shop", files
