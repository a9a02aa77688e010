"""What a killed embedded server leaves: sessions that still compute, pid and socket files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

END_SECONDS = 60


def end_sessions(data: Path) -> None:
    """End the sessions of a killed server: one that computes does not see for minutes that its
    server is gone.

    Until they are gone no new server may touch their files, and none starts.
    """
    left = [process for process in psutil.process_iter(["name"]) if _works_in(process, data)]
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=END_SECONDS)


def _works_in(process: psutil.Process, data: Path) -> bool:
    """Whether a process is one of the server's: those work in its data folder."""
    try:
        return str(process.info["name"]).startswith("postgres") and process.cwd() == str(
            data.resolve()
        )
    except psutil.Error:
        return False


def clear_remains(data: Path, socket: str | None) -> None:
    """A killed server's files: their process number may be another program's by now, or still wait
    to be reaped.
    """
    (data / "postmaster.pid").unlink(missing_ok=True)
    for folder in {data, Path(socket or data)}:
        for name in (".s.PGSQL.5432.lock", ".s.PGSQL.5432"):
            (folder / name).unlink(missing_ok=True)
