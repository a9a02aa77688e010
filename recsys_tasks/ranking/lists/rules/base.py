"""Re-rank rules: the interface of a rule, and which rules are applied, in which order.

The order of a list is made in steps:

1. the candidates in the order of the ranker's scores, those that a user may not see set aside
   (`eligible_items`: availability, quality rules, moderation; and what `repeat_consumption`,
   `events.negatives` and `eligibility.rules` forbid);
2. the built-in rules in ascending `order`: promotions, category caps, diversity, fresh items;
3. rules of installed packages, in the order in which `rerank.rules` of the settings names them;
4. eligibility, once more and always last: no rule can show what a user may not see.

A built-in rule is a file of this package with an attribute `RULE`; one of a user's own package is
an entry point of the group `nightshelf.rerank_rules` (docs/extending.md). Scores are never changed:
rules only move items or leave them out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, TypeAlias

import numpy as np
from pydantic import BaseModel, ValidationError

from recsys_tasks.arrays import AnyArray, Bool, Float32, Float64, Int32, Int64
from recsys_tasks.config import Config
from recsys_tasks.errors import ConfigError
from recsys_tasks.extensions import ExtensionPoint
from recsys_tasks.ids import Keys
from recsys_tasks.ranking.inputs import Candidates, RankingInputs
from recsys_tasks.snapshot.dataset import Snapshot

PROMOTED, NORMAL, OVER_CAP, OUT = range(4)
"""Kinds of an entry. OUT is never shown: a pad, or an item that the user may not see."""


@dataclass(frozen=True)
class Entries:
    """The lists of a block before they are cut: `[n, e]` arrays, best first, entries of kind OUT
    behind the others.
    """

    items: Int32
    """Item keys, -1 on pads."""
    scores: Float64
    """The ranker's scores; -inf on pads, 0 for a promoted item that is no candidate."""
    column: Int64
    """Column among the user's candidates, -1 for a promoted item that is none."""
    rank: Int64
    """1-based rank by score, before any rule; 0 for a promoted item that is no candidate."""
    kind: Int64
    """PROMOTED, NORMAL, OVER_CAP or OUT."""
    propensity: Float32 | None = None
    """Probability of the draw that put the item there; None: nothing was drawn yet."""

    def by(self, key: AnyArray) -> Entries:
        """The entries of each row in ascending order of `key [n, e]`; ties stay as they are."""
        if (key[:, 1:] >= key[:, :-1]).all():
            return self
        return self.take(np.argsort(key, axis=1, kind="stable"))

    def take(self, order: Int64) -> Entries:
        """The entries of each row in another order, `[n, e]` columns."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        reordered = {
            name: np.take_along_axis(array, order, axis=1)
            for name, array in values.items()
            if array is not None
        }
        return Entries(**reordered)

    def with_kind(self, kind: Int64) -> Entries:
        """The same entries, of the kinds `[n, e]`, in ascending order of kind."""
        return replace(self, kind=kind).by(kind)

    def without(self, out: Bool) -> Entries:
        """Leave out the entries where `out [n, e]` is true."""
        kind = np.where(out, OUT, self.kind)
        return replace(self, kind=kind).by(kind == OUT)


@dataclass(frozen=True)
class Shop:
    """What a rule may know before any list is made."""

    snapshot: Snapshot
    """Tonight's items and users: row k of `snapshot.items` is the item of key k."""
    inputs: RankingInputs

    @property
    def config(self) -> Config:
        """The settings."""
        return self.snapshot.config


@dataclass(frozen=True)
class Asked:
    """The users of a block, what was retrieved for them, and which items each may see."""

    users: Keys
    """`[n]` user keys."""
    candidates: Candidates
    may_show: Callable[[Keys], Bool]
    """`[n, p]` item keys of each user → `[n, p]` whether that user may see each."""


Rearrange: TypeAlias = Callable[[Entries, Asked], Entries]
"""A rule at work: entries of a block to entries of the same rows, reordered or left out. What a
user's row becomes depends on that row and user alone.
"""


class RerankRule(Protocol):
    """A rule of the user's own package, or a built-in one (see BuiltIn)."""

    @property
    def name(self) -> str:
        """What `rerank.rules` calls it; the name of its entry point."""

    @property
    def settings(self) -> type[BaseModel] | None:
        """Model of its settings there, with `extra="forbid"`; None for a rule that has
        none.
        """

    def prepare(self, shop: Shop, settings: Any) -> Rearrange | None:
        """What is done to every block of lists; None where the settings ask for nothing.

        `settings`: an instance of `settings`; None where there is no such model.
        """


@dataclass(frozen=True)
class BuiltIn:
    """A built-in rule: what it asks for is in `rerank` of the settings."""

    name: str
    order: int
    """Rules are applied in ascending order."""
    asked: Callable[[Shop], Rearrange | None]
    settings: None = None

    def prepare(self, shop: Shop, settings: Any) -> Rearrange | None:
        """See RerankRule."""
        return self.asked(shop)


def _check(found: Any) -> None:
    """Raises TypeError for an object that is no RerankRule."""
    missing = [name for name in ("name", "settings", "prepare") if not hasattr(found, name)]
    if missing:
        raise TypeError(f"a re-rank rule needs name, settings and prepare; it lacks {missing}")


RERANK_RULES: ExtensionPoint[RerankRule] = ExtensionPoint(
    "re-rank rule", "nightshelf.rerank_rules", "recsys_tasks.ranking.lists.rules", "RULE", _check
)


@dataclass(frozen=True)
class RulesInForce:
    """What is done to every block, in order; empty: lists are in the order of their scores."""

    steps: tuple[Rearrange, ...] = ()
    own: tuple[str, ...] = ()
    """Names of those steps that come from installed packages."""


def rules_in_force(shop: Shop) -> RulesInForce:
    """The rules that the settings ask for. Raises ConfigError as `own_rules` does."""
    files = [found.extension for found in RERANK_RULES.built_in()]
    built_in = [rule for rule in files if isinstance(rule, BuiltIn)]
    steps = [rule.asked(shop) for rule in sorted(built_in, key=lambda rule: rule.order)]
    own = own_rules(shop.config)
    steps += [rule.prepare(shop, settings) for rule, settings in own]
    names = tuple(rule.name for rule, _ in own)
    return RulesInForce(tuple(step for step in steps if step is not None), names)


def own_rules(config: Config) -> list[tuple[RerankRule, BaseModel | None]]:
    """The rules of installed packages that `rerank.rules` names, in its order, each with its
    settings.

    Raises ConfigError for a rule that no package has, for one that is built in, and for settings
    that its model refuses.
    """
    return [_own_rule(asked.name, asked.settings) for asked in config.rerank.rules]


def _own_rule(name: str, values: Mapping[str, Any]) -> tuple[RerankRule, BaseModel | None]:
    where, rule = f"rerank.rules, {name}", RERANK_RULES.get(name, "rerank.rules")
    if isinstance(rule, BuiltIn):
        raise ConfigError(
            expected="a rule of an installed package",
            found=f"{name!r}, which is built in",
            where=where,
            remedy="set it by the other keys of rerank, and leave it out here",
        )
    if rule.settings is None:
        if values:
            raise ConfigError(
                expected="no settings: this rule has none",
                found=", ".join(values),
                where=where,
                remedy="leave its settings out",
            )
        return rule, None
    try:
        return rule, rule.settings.model_validate(values)
    except ValidationError as error:
        found = [
            f"{'.'.join(map(str, mistake['loc']))}: {mistake['msg']}" for mistake in error.errors()
        ]
        raise ConfigError(
            expected=f"settings as {rule.settings.__qualname__} of the rule's package has them",
            found="; ".join(found),
            where=where,
            remedy="correct these settings",
        ) from error
