"""An alarm, and what is known of its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel

if TYPE_CHECKING:
    from recsys_tasks.monitoring.alarms.figures import NightFigures

Severity = Literal["critical", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
"""From the least on."""

LOOK_AT_LISTS = (
    "recsys publications; recsys rollback --who YOU --why REASON if readers should not see"
    " tonight's lists"
)
"""What on-call can run when an alarm is about published lists."""


@dataclass(frozen=True)
class Alarm:
    """A metric that went past its bound: nothing failed, but a person should know.

    `kind` is the name of an `AlarmKind`; `words` say for a person what happened.
    """

    kind: str
    metric: str
    bound: float
    value: float
    words: str


@dataclass(frozen=True)
class AlarmKind:
    """A kind of alert: its severity, its runbook and, of a monitor, what raises it."""

    name: str
    """As in the column `kind` of `recsys.alerts`: an alarm's kind, or the class of an error."""
    title: str
    """Heading of the runbook; kinds that share a runbook share the title."""
    runbook: str
    """File name below the setting `alerts.runbook_base`, or a whole URL."""
    severity: Severity = "warning"
    also: tuple[str, ...] = ()
    """Other names with the same severity and runbook, such as further error classes."""
    look: Callable[[NightFigures], Iterable[Alarm]] | None = None
    """Called by the monitor stage after each publication: the alarms that tonight's figures give.
    None: something else raises the alarm."""
    remedy: str = LOOK_AT_LISTS
    """What to run after an alarm of `look`."""
    settings: type[BaseModel] | None = None
    """Model of its block under `plugins` of the settings; `look` finds the block in
    `figures.config.plugins`. None: it has no settings."""
