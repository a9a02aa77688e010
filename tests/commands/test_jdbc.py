"""The Java program of docs/how-to/connect.md reads a view by the port of `recsys connect --port`.

It needs a JDK of 11 or newer and PostgreSQL's JDBC driver (Debian: default-jdk-headless and
libpostgresql-jdbc-java), else it is skipped.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
import pytest

from recsys_tasks.config.environment import PROJECT_ROOT
from tests.commands.test_reader_port import home, url  # noqa: F401  # the fixtures

DRIVER = Path("/usr/share/java/postgresql.jar")
PAGE = PROJECT_ROOT / "docs" / "how-to" / "connect.md"


def java() -> str:
    """The path of java, or the test is skipped."""
    found = shutil.which("java")
    if found is None or shutil.which("javac") is None:
        pytest.skip("no JDK on PATH: apt-get install default-jdk-headless")
    if not DRIVER.exists():
        pytest.skip(f"no JDBC driver at {DRIVER}: apt-get install libpostgresql-jdbc-java")
    return found


def read_by_java(at: str, folder: Path) -> None:
    """Run the program of the page, and compare what it prints with the view."""
    program, text = java(), PAGE.read_text()
    (block,) = re.findall(r"^```java\n(.*?)^```$", text, flags=re.M | re.S)
    assert len(block.strip().splitlines()) <= 10
    (folder / "Nights.java").write_text(block)
    place = urlsplit(at)
    jdbc = f"jdbc:postgresql://{place.hostname}:{place.port}{place.path}?currentSchema=recsys"
    login = [str(place.username), unquote(str(place.password))]
    done = subprocess.run(
        [program, "-cp", str(DRIVER), "Nights.java", jdbc, *login],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with psycopg.connect(at) as connection:
        wanted = connection.execute("SELECT as_of::text, users FROM recsys.nights").fetchall()
    assert done.stdout.splitlines()[0] == "as_of\tusers"
    assert len(done.stdout.splitlines()) == 1 + len(wanted)


def test_the_ten_lines_of_the_page_read_a_view(url: str, tmp_path: Path) -> None:  # noqa: F811
    read_by_java(url, tmp_path)
