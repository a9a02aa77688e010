"""When a part that ended is started again: at once, then later each time, and slowly where it does
not stay up.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

FIRST_SECONDS = 1.0
SLOW_SECONDS = 60.0
ALLOWED = 5
WINDOW_SECONDS = 600.0


@dataclass
class Restarts:
    """The ends of one part. Times are seconds of a clock that only goes forward."""

    ended: deque[float] = field(default_factory=deque)
    due: float | None = None
    """When it is started again; None while it runs."""
    told: bool = False
    """Whether on-call heard that it does not stay up."""
    open_since: float | None = None
    """When this launcher began, where an alert of a launcher before is still open."""

    def note(self, now: float) -> float:
        """It ended: seconds until it is started again, 1, 2, 4, 8, 16, then 60 at a time."""
        while self.ended and now - self.ended[0] > WINDOW_SECONDS:
            self.ended.popleft()
        self.ended.append(now)
        wait = SLOW_SECONDS if self.too_many else FIRST_SECONDS * 2 ** (len(self.ended) - 1)
        self.due = now + wait
        return wait

    @property
    def too_many(self) -> bool:
        """Whether it ended more often than ALLOWED within WINDOW_SECONDS."""
        return len(self.ended) > ALLOWED

    @property
    def alerted(self) -> bool:
        """Whether an alert of it is open, of this launcher or of one before."""
        return self.told or self.open_since is not None

    def is_due(self, now: float) -> bool:
        """Whether the part is to be started at `now`."""
        return self.due is not None and now >= self.due

    def started(self) -> None:
        """Note that the part was started again."""
        self.due = None

    def calm(self, now: float) -> bool:
        """True once, when a part with an open alert has stayed up as long as the window."""
        if not self.alerted or self.due is not None:
            return False
        up_since = self.ended[-1] if self.ended else self.open_since
        if up_since is None or now - up_since <= WINDOW_SECONDS:
            return False
        self.forget()
        return True

    def forget(self) -> None:
        """What ended it was something else's fault, or is over."""
        self.ended.clear()
        self.told = False
        self.open_since = None
