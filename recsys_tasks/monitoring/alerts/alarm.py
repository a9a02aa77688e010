"""An alarm: a metric that went past its bound, as a value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Alarm:
    """What went past which bound; `words` say it for a person, `kind` names the runbook page."""

    kind: str
    metric: str
    bound: float
    value: float
    words: str
