"""Object stores for the tests of remote files: one in memory, and a server that answers as S3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fsspec
import pytest

from tests.object_store import s3_server, variables


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """URL of a server that answers as S3 does."""
    with s3_server() as url:
        yield url


@pytest.fixture
def s3(server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An S3 file system, with what its driver finds in the environment."""
    for name, value in variables(server).items():
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
