"""The settings that are proposed, each with how sure it is and by what evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Confidence = Literal["sure", "likely", "a guess", "assumed"]
"""`assumed`: a decision that the data does not settle, of `recsys import`."""


@dataclass(frozen=True)
class Setting:
    """One line of the settings file."""

    key: str
    """Dotted, as in `events.user_column`."""
    value: Any
    confidence: Confidence
    evidence: str


@dataclass
class Proposal:
    """Every setting that is proposed, in the file's order."""

    settings: list[Setting] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """Columns that nothing is proposed for, and why."""
    noticed: list[str] = field(default_factory=list)
    """What is wrong with the data, and what to do about it before the first night."""
    first_night: str = ""
    """The night, YYYY-MM-DD, of which all delivered rows are the past."""

    def add(self, key: str, value: Any, confidence: Confidence, evidence: str) -> None:
        """Propose a value."""
        self.settings.append(Setting(key, value, confidence, evidence))

    def asked(self, ask: Callable[[Setting], Any]) -> None:
        """Have a person settle every guess: `ask` gives the value that a setting is to have."""
        for place, setting in enumerate(self.settings):
            if setting.confidence == "a guess":
                value = ask(setting)
                if value != setting.value:
                    said = Setting(setting.key, value, "sure", "as you said")
                    self.settings[place] = said

    def as_mapping(self) -> dict[str, Any]:
        """The settings as the file has them."""
        whole: dict[str, Any] = {}
        for setting in self.settings:
            place, *path = setting.key.split(".")
            section, key = whole, place
            for name in path:
                section, key = section.setdefault(key, {}), name
            section[key] = setting.value
        return whole
