"""What the data checks of a night found, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from recsys_tasks.errors import ValidationFailed
from recsys_tasks.snapshot.checks.remedies import remedy_for

_FOLLOWS = {"unknown_item": "items", "unknown_user": "users"}
"""Checks of events that fail where another one of the night does, which says why."""


@dataclass(frozen=True)
class CheckResult:
    """What one check found."""

    name: str
    suite: str
    about: str
    blocking: bool
    passed: bool
    found: int  # rows that break it
    total: int  # rows looked at
    bound: str
    observed: str
    examples: tuple[str, ...] = ()
    told: bool = True
    """Whether on-call hears of it where it warns."""

    def sentence(self) -> str:
        """The check, what it allows and what was found."""
        quoted = f", e.g. {', '.join(self.examples)}" if self.examples else ""
        return f"{self.suite}.{self.name}: {self.observed} (allowed: {self.bound}){quoted}"


@dataclass(frozen=True)
class ValidationReport:
    """Every check of one night."""

    as_of: date
    days: tuple[str, ...]  # days whose rows were new or changed
    rows: int
    checks: tuple[CheckResult, ...]

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """Blocking checks that failed."""
        return tuple(check for check in self.checks if check.blocking and not check.passed)

    @property
    def warnings(self) -> tuple[CheckResult, ...]:
        """Other checks that failed."""
        return tuple(check for check in self.checks if not check.blocking and not check.passed)

    @property
    def passed(self) -> bool:
        """Whether a snapshot may be made."""
        return not self.failed

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**asdict(self), "as_of": self.as_of.isoformat(), "passed": self.passed}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> ValidationReport:
        """The inverse of `as_dict`."""
        checks = tuple(
            CheckResult(**{**check, "examples": tuple(check["examples"])})
            for check in raw["checks"]
        )
        return cls(date.fromisoformat(raw["as_of"]), tuple(raw["days"]), raw["rows"], checks)

    def error(self, where: str) -> ValidationFailed:
        """What `freeze` raises when a blocking check failed; of a table without a row, that it
        knows no id is left out.
        """
        empty = {check.name for check in self.failed if check.suite == "night"}
        follow = {name for name, table in _FOLLOWS.items() if table in empty}
        told = [c for c in self.failed if not (c.suite == "events" and c.name in follow)]
        listed = ", ".join(f"{check.suite}.{check.name}" for check in told)
        return ValidationFailed(
            expected=f"every blocking data check of night {self.as_of} to pass ({listed} did not)",
            found="; ".join(check.sentence() for check in told),
            where=where,
            remedy=remedy_for([(check.suite, check.name) for check in told], self.as_of),
        )
