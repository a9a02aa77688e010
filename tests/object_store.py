"""A server that answers as S3 does, and what its clients find in their environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

KEY, SECRET = "AKIAEXAMPLE", "s3cr3t/word+for=tests"
_WITHOUT = "S3 is not tried: make setup EXTRAS='s3 s3test'"


def require_s3() -> Any:
    """The module of the server. Skips the test without the extras."""
    pytest.importorskip("s3fs", reason=_WITHOUT)
    return pytest.importorskip("moto.server", reason=_WITHOUT)


@contextmanager
def s3_server() -> Iterator[str]:
    """Its URL. Skips the test without the extras."""
    served = require_s3().ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    served.start()
    host, port = served.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        served.stop()


def variables(url: str) -> Mapping[str, str]:
    """What S3's driver reads."""
    return {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT_URL": url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }
