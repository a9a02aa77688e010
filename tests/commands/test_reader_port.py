"""`recsys connect --port`: the reader, and nobody else, gets in by a TCP port of this machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import psycopg
import pytest

from recsys_tasks.database import EmbeddedServer


@pytest.fixture(scope="module")
def home(embedded_server: EmbeddedServer, postgres: Mapping[str, str]) -> Mapping[str, str]:
    """The environment of a home with a migrated server."""
    assert postgres
    names = ("RECSYS_DATABASE_URL", "RECSYS_READER_URL")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return {**kept, "RECSYS_HOME": str(embedded_server.home)}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def connect(home: Mapping[str, str], port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "recsys_tasks.cli", "connect", "--port", str(port)]
    return subprocess.Popen(
        command, env=dict(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_well_in_the_background_too(
    home: Mapping[str, str], number: signal.Signals
) -> None:
    """A shell starts what it runs in the background with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        command = connect(home, free_port())
    finally:
        signal.signal(signal.SIGINT, before)
    assert command.stdout is not None
    while "open until" not in (line := command.stdout.readline()):
        assert line
    command.send_signal(number)
    try:
        said = command.communicate(timeout=20)[1]
    finally:
        command.kill()
    assert (command.returncode, said) == (0, "")


@pytest.fixture(scope="module")
def url(home: Mapping[str, str]) -> Iterator[str]:
    """What the command printed, while it runs; it ends well when it is interrupted."""
    with connect(home, free_port()) as command:
        assert command.stdout is not None
        lines = [command.stdout.readline() for _ in range(5)]
        assert "open until" in lines[-1], lines + command.stderr.readlines()  # type: ignore[union-attr]
        assert "JDBC    jdbc:postgresql://127.0.0.1:" in lines[2]
        yield lines[0].split()[1]
        command.send_signal(signal.SIGINT)
        assert command.wait(20) == 0


def test_the_reader_reads_much_by_it_in_several_sessions(url: str) -> None:
    with psycopg.connect(url) as one, psycopg.connect(url) as two:
        for connection in (one, two, one):
            rows = connection.execute("SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
            assert sum(len(text) for (text,) in rows) == 20_000_000
        assert one.execute("SELECT current_user").fetchone() == ("recsys_reader",)


def test_a_query_can_be_cancelled(url: str) -> None:
    with psycopg.connect(url) as connection:
        threading.Timer(0.5, connection.cancel).start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(60)")


def test_others_wrong_passwords_and_encryption_are_turned_away(
    url: str, postgres: Mapping[str, str]
) -> None:
    place = urlsplit(url)
    wrong = url.replace(str(place.password), "guessed")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
    writer = urlsplit(postgres["recsys"])
    theirs = f"postgresql://{writer.username}:{writer.password}@127.0.0.1:{place.port}/recsys"
    with pytest.raises(psycopg.OperationalError, match='for the role "recsys_reader"'):
        psycopg.connect(theirs)
    with pytest.raises(psycopg.OperationalError, match="SSL"):
        psycopg.connect(url, sslmode="require")


def test_what_is_no_session_is_closed_and_the_next_one_is_served(url: str) -> None:
    place = urlsplit(url)
    for nonsense in (b"GET / HTTP/1.1\r\n\r\n", b"\x00\x00\x00\x04", b"\xff" * 64, b""):
        with socket.create_connection(("127.0.0.1", place.port or 0), timeout=10) as client:
            client.sendall(nonsense)
            client.shutdown(socket.SHUT_WR)
            assert client.recv(100) == b""
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_port_that_is_taken_is_named(home: Mapping[str, str], url: str) -> None:
    with connect(home, urlsplit(url).port or 0) as second:
        said = second.communicate(timeout=60)[1]
    assert second.returncode == 1
    assert f"127.0.0.1:{urlsplit(url).port}" in said and "recsys connect --port" in said
