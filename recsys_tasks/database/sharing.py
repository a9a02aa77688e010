"""Who uses the embedded server now: a lock that users share, so that only the last one stops it."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from recsys_tasks.database import guardian

LOCK = ".postgres.users"
_GUARDIAN_SECONDS = 5.0


class ServerUse:
    """One process's use of the server under `home`: begun before the server is started or joined.

    Beginning waits while another process is just stopping the server, because nobody used it any
    more.
    """

    def __init__(self, home: Path) -> None:
        self._home = home.resolve()
        self._home.mkdir(parents=True, exist_ok=True)
        self._path = self._home / LOCK
        self._path.touch()
        self._handle = self._path.open("rb")
        self._guardian: subprocess.Popen[bytes] | None = None
        fcntl.flock(self._handle, fcntl.LOCK_SH)

    def guard(self) -> None:
        """From now on the server is stopped when its last user is gone, even when that one is
        killed.
        """
        command = [
            sys.executable,
            "-I",
            guardian.__file__,
            str(self._path),
            str(self._home / "postgres"),
        ]
        quiet = subprocess.DEVNULL
        self._guardian = subprocess.Popen(
            command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
        )

    def is_last(self) -> bool:
        """Whether nobody else uses the server; true keeps others out until `end`, false ends this
        use.
        """
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def end(self) -> None:
        """End this process's use of the server."""
        last = self._guardian is not None and self.is_last()
        self._handle.close()
        if last and self._guardian is not None:
            with suppress(subprocess.TimeoutExpired):
                self._guardian.wait(_GUARDIAN_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()
