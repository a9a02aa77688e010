"""The interface of a gate rule, and the data that a rule judges by."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from recsys_tasks.config import GateConfig
from recsys_tasks.gate.canaries import Canaries
from recsys_tasks.gate.decision import GateContext, RuleResult
from recsys_tasks.gate.evaluate import Evaluation


@dataclass(frozen=True)
class Running:
    """What the challenger needs and gives in operation; None: not known.

    `index_recall`: of tonight's index against exact search; `index_floor`: the least that is
    allowed. `cost` and `champion_cost`: tree nodes that are evaluated for a user. `unranked`: why
    the challenger has no ranker; None: it has one. `scores_are_probabilities`: whether readers are
    shown its scores.
    """

    index_recall: float | None = None
    index_floor: float = 0.0
    cost: int | None = None
    champion_cost: int | None = None
    unranked: str | None = None
    scores_are_probabilities: bool = True


@dataclass(frozen=True)
class GateCase:
    """A challenger and all that it is judged by.

    All evaluations are of the same users in the same order; `baseline` is plain popularity;
    `champion` None: there is none, or it cannot be judged (`context` says which); `anchor` None:
    there is none, or the champion is it; `retrieval` is the order that serves until there is a
    champion.
    """

    challenger: Evaluation
    champion: Evaluation | None
    baseline: Evaluation
    rules: GateConfig
    context: GateContext
    anchor: Evaluation | None = None
    canaries: Canaries = field(default_factory=Canaries)
    running: Running = field(default_factory=Running)
    retrieval: Evaluation | None = None

    @property
    def users(self) -> int:
        """Users who did something in the gate window; without any there is nothing to compare."""
        return int(self.challenger.summary["users"])


@dataclass(frozen=True)
class GateRule:
    """A rule, or a family of them that belong together.

    `judge` gives a `RuleResult` for each rule that applies to the case. The verdict is that of the
    worst failed rule, so a rule can prevent a promotion and can never cause one. `guards` says in
    a few words what the rule protects; `order` is its place in the decision's text.
    """

    name: str
    guards: str
    judge: Callable[[GateCase], Iterable[RuleResult]]
    order: int = 100
