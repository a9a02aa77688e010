"""The gate's error rates: `python -m benchmarks.gate.error_rates [--nights 200] [--users 3000]`,
minutes on two cores.

Simulated nights go through the real `evaluate` and `decide` with the default rules, canaries,
slices and all. A user's candidates have a true chance each; a ranker sees its logit through noise,
most of which every ranker of a night shares, as models of one data set do. Rankers of equal noise
are equally good; less noise is a planted gain. Printed for each kind of challenger: promoted
because better, promoted as a refresh of an old champion, held, and all other verdicts. An equally
good challenger that is promoted because better is a false promotion. One that refreshes an old
champion is none: "not worse" is true of it; what may not happen is that a worse one gets in that
way.

First releases are judged on shops of two kinds: where everybody has tastes of their own, and where
users are alike, so that a list is as right for others, save what they have had already (nothing is
shown twice). A first release that is no better than plain popularity and is promoted is a false
promotion, too. Truth of other users is refused by the shuffled labels alone where users differ;
where they are alike only the second count tells, which needs a real night: see `make gate-cases`.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import repeat
from typing import Any

import numpy as np

from benchmarks.gate.worlds import OWN_NOISE, K, alike, night
from recsys_tasks.config import GateConfig
from recsys_tasks.gate.canaries import Canaries, future_first, overlap, shuffled_truth
from recsys_tasks.gate.decide import decide
from recsys_tasks.gate.decision import GateContext, GateDecision
from recsys_tasks.gate.rules import GateCase

NOISES = (0.0, 0.2, 0.3, 0.4, 0.45, 0.5, 0.55, OWN_NOISE, 0.65, 0.7, 0.8, 1.0, 1.4, 2.0)
RETRIEVAL_NOISE = 1.4
DAY = date(2026, 3, 10)


@dataclass(frozen=True)
class First:
    """A first release: whether users are alike, how much noise it sees, and whether its truth is
    other users'.
    """

    alike: bool
    noise: float = OWN_NOISE
    broken: bool = False
    no_better: bool = False


def first_verdict(seed: int, users: int, case: First, rules: GateConfig) -> GateDecision:
    """The gate on a first release; the window before is another night of the same kind."""
    make = alike if case.alike else night
    world, before = make(seed, users), make(seed + 10**5, users)
    truth = shuffled_truth(world.truth, seed) if case.broken else world.truth
    lists = world.ranked(1, case.noise)
    popular = world.popular
    if (
        case.no_better
    ):  # two rankings, dealt out by a coin for each user: neither side is the better one
        coin, other = (
            np.random.default_rng([seed, 5]).random(users) < 0.5,
            world.ranked(3, case.noise),
        )
        lists, popular = (
            np.where(coin[:, None], lists, other),
            np.where(coin[:, None], other, lists),
        )
    judged = GateCase(
        world.measured("challenger", lists, truth),
        None,
        world.measured("popularity", popular, truth),
        rules,
        GateContext(DAY, DAY - timedelta(days=7)),
        canaries=Canaries(
            shuffled=world.dealt(lists, truth),
            earlier=before.dealt(before.ranked(2, RETRIEVAL_NOISE, 3 * K)),
            future=world.measured("future feature", future_first(lists, truth), truth),
            popularity_overlap=overlap(lists, popular),
        ),
    )
    return decide(judged)


FIRST_CASES = {
    "users differ: better than popularity": First(False),
    "users differ: as good as popularity": First(False, no_better=True),
    "users differ: truth of other users": First(False, broken=True),
    "users alike: better than popularity": First(True),
    "users alike: as good as popularity": First(True, no_better=True),
    "users alike: worse than popularity": First(True, noise=8.0),
}


@dataclass(frozen=True)
class Case:
    """A challenger's true relative gain, the champion's age in days, and the gain of the anchor
    over the champion.
    """

    gain: float = 0.0
    age: int = 3
    anchor_gain: float | None = None


def verdict(seed: int, users: int, case: Case, rules: GateConfig) -> GateDecision:
    """One simulated night through the real gate."""
    world = night(seed, users)
    lists = world.ranked(1, noise_for(case.gain))
    challenger = world.measured("challenger", lists)
    anchor = case.anchor_gain
    judged = GateCase(
        challenger,
        world.measured("champion", world.ranked(2)),
        world.measured("popularity", world.popular),
        rules,
        GateContext(DAY, DAY - timedelta(days=7), champion_age_days=case.age),
        anchor=(
            None if anchor is None else world.measured("anchor", world.ranked(3, noise_for(anchor)))
        ),
        canaries=Canaries(
            shuffled=world.dealt(
                lists
            ),  # always told here, so nobody asks what an earlier window says
            future=world.measured("future feature", future_first(lists, world.truth)),
            popularity_overlap=overlap(lists, world.popular),
        ),
    )
    return decide(judged)


@cache
def noise_for(gain: float) -> float:
    """The own noise at which a ranker's NDCG is so much better (or worse) than at OWN_NOISE, on
    many users.
    """
    reached = levels()
    return float(
        np.interp(
            -(1 + gain) * reached[NOISES.index(OWN_NOISE)], [-level for level in reached], NOISES
        )
    )


@cache
def levels() -> tuple[float, ...]:
    """NDCG at each of NOISES, which falls."""
    world = night(10**6, 20_000)
    return tuple(
        float(
            np.mean(
                [world.measured("r", world.ranked(r, noise)).summary["ndcg@10"] for r in (1, 2)]
            )
        )
        for noise in NOISES
    )


def kind(decision: GateDecision) -> str:
    """What happened, with promotions by their reason."""
    if not decision.promotes:
        return decision.verdict
    better = next(
        (rule.passed for rule in decision.rules if rule.name == "better"), True
    )  # no rule of a first release
    return "better" if better else "refreshed"


def kinds(
    nights: int, users: int, case: Case | First, rules: GateConfig, pool: ProcessPoolExecutor | None
) -> Counter[str]:
    """How many of so many nights ended how."""
    run = pool.map if pool else map
    judge: Callable[[int, int, Any, GateConfig], GateDecision] = verdict
    if isinstance(case, First):
        judge = first_verdict
    decisions = run(judge, range(nights), repeat(users), repeat(case), repeat(rules))
    return Counter(kind(decision) for decision in decisions)


def ratchet(nights: int, users: int, rules: GateConfig, *, anchored: bool) -> tuple[int, float]:
    """Every night's challenger is 0.6 % worse than the champion: (refreshes, champion's true loss
    at the end).
    """
    level, anchor_level, age, fixed, refreshes = 0.0, 0.0, 0, 0, 0
    for at in range(nights):
        age, fixed = age + 1, fixed + 1
        if age > rules.non_inferior_after_days:
            over_anchor = (1 + anchor_level) / (1 + level) - 1
            # The simulated champion stands at OWN_NOISE; the others are so much better or worse
            # than it.
            case = Case(-0.006, age, round(over_anchor, 3) if anchored and refreshes else None)
            if verdict(50_000 + at, users, case, rules).promotes:
                level, age, refreshes = (1 + level) * 0.994 - 1, 0, refreshes + 1
        if fixed >= rules.anchor_days:
            anchor_level, fixed = level, 0
    return refreshes, level


CASES = {
    "equally good, champion 3 days old": Case(),
    "equally good, champion 30 days old": Case(age=30, anchor_gain=0.0),
    "3 % better, champion 3 days old": Case(gain=0.03),
    "3 % worse, champion 30 days old": Case(gain=-0.03, age=30, anchor_gain=0.0),
    "equally good, champion 30 days old and 3 % below the anchor": Case(age=30, anchor_gain=0.03),
}


def header(nights: int, users: int, rules: GateConfig) -> str:
    sample = night(0, users)
    seen = sample.measured("r", sample.ranked(1)).summary
    return (
        f"{nights} nights of {users:,} users, {seen['users']:.0f} with a truth, NDCG@10 about"
        f" {seen['ndcg@10']:.3f}; confidence {rules.confidence}, margin {rules.margin},"
        f" {rules.bootstrap_samples} resamples\n\n| challenger | promoted: better | promoted:"
        " refresh | held | rejected | refused |\n|---|---|---|---|---|---|"
    )


def row(name: str, nights: int, found: Counter[str]) -> list[float]:
    """Print a case's row, and return its shares: better, refreshed, hold, reject, refuse."""
    shares = [found[k] / nights for k in ("better", "refreshed", "hold", "reject", "refuse")]
    print(f"| {name} | {' | '.join(f'{share:.1%}' for share in shares)} |", flush=True)
    return shares


def main() -> int:
    parser = argparse.ArgumentParser(description="The gate's error rates over simulated nights.")
    parser.add_argument("--nights", type=int, default=200)
    parser.add_argument("--users", type=int, default=3000)
    options = parser.parse_args()
    nights, users, rules = options.nights, options.users, GateConfig()
    print(header(nights, users, rules), flush=True)
    false = 0.0
    with ProcessPoolExecutor(2) as pool:
        for name, case in CASES.items():
            shares = row(name, nights, kinds(nights, users, case, rules, pool))
            false = max(false, shares[0]) if case.gain == 0 and not case.anchor_gain else false
        print(f"\nFirst releases, {users // 3:,} users:")
        print(
            "| first release | promoted | | held | rejected | refused |\n|---|---|---|---|---|---|",
            flush=True,
        )
        for name, first in FIRST_CASES.items():
            shares = row(name, nights, kinds(nights, users // 3, first, rules, pool))
            false = (
                max(false, shares[0])
                if first.no_better or first.broken or first.noise > OWN_NOISE
                else false
            )
        # So small a shop cannot rule out a loss of 1 %: here it lets more pass, as a large one
        # would.
        generous = rules.model_copy(update={"non_inferior_margin": 0.03})
        runs = [
            pool.submit(ratchet, nights, 2 * users, generous, anchored=anchored)
            for anchored in (False, True)
        ]
        print(
            f"\nEvery challenger 0.6 % worse, a loss of {generous.non_inferior_margin:.0%} let"
            f" pass, {nights} nights:"
        )
        for words, run in zip(("without", "with"), runs, strict=True):
            refreshes, level = run.result()
            print(
                f"{words} the anchor {refreshes} refreshes, the champion ends at {level:+.1%}",
                flush=True,
            )
    print(f"\nfalse promotions {false:.1%} (at most 5 %)")
    return 1 if false > 0.05 else 0


if __name__ == "__main__":
    sys.exit(main())
