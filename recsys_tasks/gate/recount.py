"""The canary `recount_agrees`: a sample of the evaluation, counted a second time by other code,
must come out the same.

The shuffled labels show a broken evaluation only in shops whose users differ. The second count
works in every shop: it tests whether truth, lists and figures belong to the users that they are
assigned to. A sample is counted again from the delivered rows, one user at a time, in plain Python
that shares nothing with the evaluation but the definitions.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from recsys_tasks.gate.decision import RuleResult

NEAR_TIES = 0.1
"""Share of the sampled users whose list may differ in the second count: the order of a sum can
change which of two tied items is first.
"""


@dataclass(frozen=True)
class Counted:
    """For how many users something was counted a second time, and for how many of these the second
    count differs.
    """

    users: int = 0
    otherwise: int = 0

    def beyond(self, share: float) -> bool:
        """Whether more users differ than this share of them."""
        return self.otherwise > share * self.users


@dataclass(frozen=True)
class Recount:
    """A sample, counted a second time; users 0: not counted.

    `truth` against the snapshot's events, `delivered` against the rows as the shop delivered them
    (ids as text), `labels` of the examples that the release learned from against the events of
    their own windows, `history`: the pairs that features know against the events before the window,
    `figures` of every system, `lists` against the release asked for one user alone, `claims`: every
    place is a candidate of its user with the score that the release gives it for this user.
    """

    truth: Counted = field(default_factory=Counted)
    delivered: Counted = field(default_factory=Counted)
    labels: Counted = field(default_factory=Counted)
    history: Counted = field(default_factory=Counted)
    figures: Counted = field(default_factory=Counted)
    lists: Counted = field(default_factory=Counted)
    claims: Counted = field(default_factory=Counted)


def plain_ndcg(items: Sequence[int], wanted: Collection[int], k: int) -> float:
    """NDCG@k of one user's list (-1 is no item), by its definition; NaN without truth."""
    if not wanted:
        return math.nan
    gain = sum(1.0 / math.log2(place + 2) for place, item in enumerate(items[:k]) if item in wanted)
    return gain / sum(1.0 / math.log2(place + 2) for place in range(min(k, len(wanted))))


_CHECKS = (
    (
        "truth",
        0.0,
        "what {n} of {of} users are said to have done differs from their own events in the window",
    ),
    (
        "delivered",
        0.0,
        "{n} of {of} users are said to have done what no delivered row of theirs says",
    ),
    (
        "labels",
        0.0,
        (
            "the labels of {n} of {of} users that it learned from are not what happened in their"
            " window"
        ),
    ),
    (
        "history",
        0.0,
        "the features of {n} of {of} users know other events than their own before the window",
    ),
    (
        "figures",
        0.0,
        "the figures of {n} of {of} users are not those of their lists and their truth",
    ),
    (
        "lists",
        NEAR_TIES,
        "{n} of {of} users were measured by another list than the release gives them",
    ),
    (
        "claims",
        NEAR_TIES,
        "{n} of {of} users were measured by items or scores that the release does not give them",
    ),
)


def recount_rule(recount: Recount) -> RuleResult:
    """Refused where the second count differs: no figure of such an evaluation means anything."""
    counts = [(getattr(recount, name), share, words) for name, share, words in _CHECKS]
    wrong = [(count, words) for count, share, words in counts if count.beyond(share)]
    if wrong:
        said = "; ".join(words.format(n=count.otherwise, of=count.users) for count, words in wrong)
        words = f"canary second count: {said}: the evaluation, or the release, is broken"
    else:
        asked = [
            f"{name} of {getattr(recount, name).users}"
            for name, _, _ in _CHECKS
            if getattr(recount, name).users
        ]
        words = (
            "canary: counted a second time from the delivered rows, it comes out the same"
            f" ({', '.join(asked)} users)"
        )
    worst = max((count.otherwise for count, _ in wrong), default=0)
    return RuleResult("recount_agrees", 0, worst, not wrong, words, "refuse")
