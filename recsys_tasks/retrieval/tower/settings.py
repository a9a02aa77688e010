"""The settings that a tower version was made under: they stay with it, whatever the settings file
says later.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from recsys_tasks.config import Attribute, Config, Section, TwoTowerConfig, config_hash

_FORMER = {"user_history": "pooled"}
"""A setting that could have one value only, and is none any more: it stays a part of each lineage's
name, or every chain of towers would begin anew.
"""


class TowerSettings(Section):
    """What names a lineage: the model and its cold training, the attributes that it reads, the
    kinds of event.

    How warm nights are passed is not among it: such a setting counts from the next night on, in the
    same lineage.
    """

    model: dict[str, Any]
    """`two_tower` without `warm_start`."""
    items: tuple[dict[str, Any], ...]
    """Attributes of items, without what only validation asks of them."""
    users: tuple[dict[str, Any], ...]
    """Attributes of users, likewise."""
    kinds: tuple[dict[str, Any], ...]
    """Kinds of event, with their weights."""

    @classmethod
    def of(cls, config: Config) -> Self:
        """The tower's settings in `config`, as a new lineage would keep them."""
        return cls(
            model={**config.two_tower.model_dump(mode="json", exclude={"warm_start"}), **_FORMER},
            items=_read_of(config.items.attributes),
            users=_read_of(config.users.attributes),
            kinds=tuple(kind.model_dump(mode="json") for kind in config.events.kinds),
        )

    @property
    def hash(self) -> str:
        """Eight characters that name them."""
        return config_hash(self)[:8]

    def put_into(self, config: Config) -> Config:
        """The config with this model and these attributes in place of its own.

        Warm nights stay as it says, and kinds of event too: a snapshot's events are coded by the
        kinds of its night.
        """
        model = {name: value for name, value in self.model.items() if name not in _FORMER}
        tower = TwoTowerConfig(**model, warm_start=config.two_tower.warm_start)
        items, users = (
            tuple(Attribute(**a) for a in attributes) for attributes in (self.items, self.users)
        )
        return config.model_copy(
            update={
                "two_tower": tower,
                "items": config.items.model_copy(update={"attributes": items}),
                "users": config.users.model_copy(update={"attributes": users}),
            }
        )

    def changes_to(self, other: TowerSettings) -> str:
        """What `other` has changed, in words: `dimensions 16 → 32; item attributes + price`."""
        words = [
            f"{name} {_shown(self.model.get(name))} → {_shown(other.model.get(name))}"
            for name in dict.fromkeys([*self.model, *other.model])
            if self.model.get(name) != other.model.get(name)
        ]
        pairs = {"item attributes": "items", "user attributes": "users", "kinds of event": "kinds"}
        for label, name in pairs.items():
            words += _changed(label, getattr(self, name), getattr(other, name))
        return "; ".join(words)


def _read_of(attributes: Iterable[Attribute]) -> tuple[dict[str, Any], ...]:
    return tuple(
        a.model_dump(mode="json", exclude={"required", "minimum", "maximum"}) for a in attributes
    )


def _shown(value: object) -> object:
    return "unset" if value is None else value


def _changed(
    label: str, before: tuple[dict[str, Any], ...], after: tuple[dict[str, Any], ...]
) -> list[str]:
    """At most one phrase: names that came, that went, or that are there still but read
    otherwise.
    """
    if before == after:
        return []
    old, new = ({entry["name"]: entry for entry in entries} for entries in (before, after))
    marks = [f"+ {name}" for name in new if name not in old] + [
        f"- {name}" for name in old if name not in new
    ]
    marks += [f"{name} changed" for name in new if name in old and new[name] != old[name]]
    return [f"{label} {', '.join(marks) or 'in another order'}"]
