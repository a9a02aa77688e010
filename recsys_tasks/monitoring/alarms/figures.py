"""The figures of a night that monitors look at: those of the view `recsys.metrics`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from recsys_tasks.config import Config

WEEKS = 4
"""So far back go the figures of earlier nights."""
REALISED = "realised"
"""Scope of what users did with the lists of an earlier night, and the start of its sub-scopes."""

Scopes = Mapping[str, Mapping[str, float]]
"""Scope, then name of a figure, to its value; NaN where it could not be computed."""


@dataclass(frozen=True)
class NightFigures:
    """What is known of a night's lists after their publication.

    `tonight` holds every figure that the night recorded, by scope and name. Those of the scope
    `realised` are about the lists of `realised_of`, the newest earlier night that published.
    `same_release`: the lists of that night were made by the same release.
    """

    as_of: date
    config: Config
    tonight: Scopes
    earlier: Mapping[date, Scopes]
    """The same of each of the nights before, back to `WEEKS` before `realised_of`."""
    realised_of: date | None = None
    same_release: bool = False

    def value(self, scope: str, name: str) -> float:
        """One of tonight's figures; NaN where there is none."""
        return self.tonight.get(scope, {}).get(name, math.nan)

    def before(self, scope: str, name: str) -> dict[date, float]:
        """The same figure in the four weeks before, by night; nights without it are left out."""
        about = self.about(scope)
        return {
            night: value
            for night, scopes in self.earlier.items()
            if about - timedelta(weeks=WEEKS) <= night < about
            and not math.isnan(value := scopes.get(scope, {}).get(name, math.nan))
        }

    def about(self, scope: str) -> date:
        """The night whose lists the figures of a scope are about."""
        of_realised = scope == REALISED or scope.startswith(f"{REALISED}/")
        return self.realised_of if of_realised and self.realised_of else self.as_of


def by_night(rows: Iterable[tuple[date, str, str, float | None]]) -> dict[date, Scopes]:
    """Rows (night, scope, name, value) as `NightFigures` holds them; None becomes NaN."""
    found: dict[date, dict[str, dict[str, float]]] = {}
    for night, scope, name, value in rows:
        figures = found.setdefault(night, {}).setdefault(scope, {})
        figures[name] = math.nan if value is None else value
    return {night: scopes for night, scopes in found.items()}
