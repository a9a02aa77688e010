"""An SMTP server on 127.0.0.1 that keeps what it is sent."""

from __future__ import annotations

import asyncore
import smtpd
import threading
from email import message_from_bytes
from email.message import Message
from email.policy import default
from typing import Any


class Mailbox(smtpd.SMTPServer):
    """An SMTP server of this machine; `answer` is what it says to a message."""

    def __init__(self) -> None:
        self.messages: list[tuple[list[str], Message]] = []
        self.answer: str | None = None
        self._sockets: dict[int, Any] = {}
        super().__init__(("127.0.0.1", 0), ("127.0.0.1", 0), map=self._sockets)
        assert self.socket is not None
        self.port = self.socket.getsockname()[1]
        self._thread = threading.Thread(
            target=asyncore.loop, kwargs={"timeout": 0.1, "map": self._sockets}, daemon=True
        )
        self._thread.start()

    def process_message(
        self, peer: Any, mailfrom: str, rcpttos: list[str], data: bytes | str, **options: Any
    ) -> str | None:
        content = data if isinstance(data, bytes) else data.encode()
        self.messages.append((rcpttos, message_from_bytes(content, policy=default)))
        return self.answer

    @property
    def taken(self) -> list[dict[str, Any]]:
        """The messages that it did not refuse, by their subjects."""
        return [{"text": str(message["Subject"])} for _, message in self.messages]

    def stop(self) -> None:
        self.close()
        self._thread.join(timeout=5)
