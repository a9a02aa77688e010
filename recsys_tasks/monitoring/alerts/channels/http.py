"""JSON messages over HTTP, with what each kind of answer means for a channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recsys_tasks.monitoring.alerts.channels.channel import ANSWER_SECONDS, Unconfirmed

CONNECT_SECONDS = 5


def post_json(url: str, body: Any, headers: Mapping[str, str] | None = None) -> None:
    """Post a message. Raises Unconfirmed where it may have arrived, ConnectionError for a refusal,
    whose text never holds the URL, which may be a secret.
    """
    import httpx

    timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
    try:
        answer = httpx.post(url, json=body, headers=dict(headers or {}), timeout=timeout)
    except (httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError) as error:
        raise Unconfirmed(type(error).__name__) from error
    except (httpx.LocalProtocolError, httpx.InvalidURL, UnicodeError) as error:
        # their words quote the URL or the header that cannot be sent
        raise ConnectionError(f"{type(error).__name__}: wrong host or password") from None
    if not answer.is_success:
        raise ConnectionError(f"HTTP {answer.status_code}")
