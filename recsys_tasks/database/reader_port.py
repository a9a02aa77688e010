"""A TCP port on this machine for the reader of the embedded server, which listens on a Unix socket
alone: for BI tools and drivers that know no sockets.

Bytes are handed on as they come; only the first messages of a connection are looked at, as the
frontend/backend protocol has them (PostgreSQL 18, chapter 54): an encrypted connection is declined,
and any user but the reader is turned away before the server hears of it. Passwords are checked by
the server.
"""

from __future__ import annotations

import asyncio
import signal
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from recsys_tasks.errors import ConfigError

HOST = "127.0.0.1"
_CANCEL, _SSL, _GSS = 80877102, 80877103, 80877104
_LONGEST_START = 10_000  # bytes, as the server has it
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Forwarding:
    """From a port of this machine to a server's socket, for one user."""

    socket: Path
    user: str


def serve(forwarding: Forwarding, port: int, ready: Callable[[], None]) -> None:
    """Forward until SIGINT or SIGTERM; `ready` is called once the port is open. Raises ConfigError
    where it is taken.
    """
    with suppress(asyncio.CancelledError):
        asyncio.run(_serve(forwarding, port, ready))


async def _serve(forwarding: Forwarding, port: int, ready: Callable[[], None]) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _forward(forwarding, reader, writer)
        except (OSError, asyncio.IncompleteReadError):  # either side has gone
            pass
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(answer, HOST, port)
    except OSError as error:
        raise ConfigError(
            expected="a free port of this machine",
            found=error.strerror or str(error),
            where=f"{HOST}:{port}",
            remedy="name another one: recsys connect --port PORT",
        ) from error
    serving = asyncio.ensure_future(server.serve_forever())
    # SIGINT by a handler of our own: a shell starts what it runs in the background without one.
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    async with server:
        ready()
        await serving


async def _forward(
    forwarding: Forwarding, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    start = await _start(reader, writer)
    if start is None:
        return
    if not _is_cancel(start) and (user := _user(start)) != forwarding.user:
        writer.write(_refusal(f'this port is for the role "{forwarding.user}", not "{user}"'))
        await writer.drain()
        return
    answers, asks = await asyncio.open_unix_connection(str(forwarding.socket))
    try:
        asks.write(start)
        await asks.drain()
        await asyncio.gather(_copy(reader, asks), _copy(answers, writer))
    finally:
        asks.close()


async def _start(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | None:
    """The message that begins a session, encryption declined before; None for what is none."""
    while True:
        head = await reader.readexactly(8)
        length, code = struct.unpack("!ii", head)
        if not 8 <= length <= _LONGEST_START:
            return None
        if code not in (_SSL, _GSS):
            return head + await reader.readexactly(length - 8)
        writer.write(b"N")
        await writer.drain()


def _is_cancel(start: bytes) -> bool:
    """Whether it asks to cancel a query: it holds the secret of the session that it is about."""
    return bool(struct.unpack("!i", start[4:8])[0] == _CANCEL)


def _user(start: bytes) -> str:
    """The user of a start message: names and values follow each other, each with a zero behind."""
    words = start[8:].split(b"\0")
    named = dict(zip(words[::2], words[1::2], strict=False))
    return named.get(b"user", b"").decode(errors="replace")


def _refusal(words: str) -> bytes:
    """An error as the server sends them: severity, SQLSTATE invalid_authorization, message."""
    fields = b"SFATAL\0VFATAL\0C28000\0M" + words.encode() + b"\0\0"
    return b"E" + struct.pack("!i", len(fields) + 4) + fields


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while chunk := await source.read(_CHUNK):
            target.write(chunk)
            await target.drain()
    finally:
        with suppress(OSError):
            target.close()
