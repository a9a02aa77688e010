"""The simulated shop as a source: its settings, and how it is opened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import field_validator

from recsys_tasks.config import Config, SourceSettings
from recsys_tasks.config.base import PositiveFloat, PositiveInt

if TYPE_CHECKING:
    from recsys_tasks.sources.base import Reader


class ShopSource(SourceSettings):
    """The simulated shop: deterministic, with a closed loop through the published lists."""

    kind: Literal["shop"] = "shop"
    seed: int = 7
    """Random seed."""
    users: PositiveInt = 2000
    """Number of users at the end of the history."""
    items: PositiveInt = 1200
    """Number of items at the end of the history."""
    first_day: str = "2026-01-05"
    """First simulated day, YYYY-MM-DD."""
    sessions_per_user_day: PositiveFloat = 0.12
    """Mean sessions a user a day, before seasons and weekends."""

    @field_validator("first_day")
    @classmethod
    def _is_a_date(cls, text: str) -> str:
        date.fromisoformat(text)
        return text


class SimulatedShop:
    """Implements `sources.base.Source`."""

    name = "shop"
    settings = ShopSource

    def describe(self, settings: ShopSource) -> str:
        """Its size, first day and seed."""
        return (
            f"simulated shop: {settings.users} users, {settings.items} items from"
            f" {settings.first_day}, seed {settings.seed}"
        )

    def has_users_table(self, settings: ShopSource) -> bool:
        """True: the simulated shop always has one."""
        return True

    def open(self, config: Config, settings: ShopSource, home: Path) -> Reader:
        """The shop's files below `home`, made when a night first asks for them."""
        from recsys_tasks.sources.shop.source import ShopReader

        return ShopReader(config, settings, home)

    def examine(self, config: Config, settings: ShopSource) -> Iterator[tuple[bool, str]]:
        """No findings: the shop makes its files itself."""
        yield from ()


SOURCE = SimulatedShop()
