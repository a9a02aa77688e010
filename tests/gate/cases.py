"""Literal evaluations for the gate's tests, and the judge of a challenger."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from recsys_tasks.config import GateConfig
from recsys_tasks.gate.decide import decide
from recsys_tasks.gate.decision import (
    GateContext,
    GateDecision,
)
from recsys_tasks.gate.evaluate import Evaluation
from recsys_tasks.gate.rules import GateCase

RULES = GateConfig(confidence=0.95, min_users=50, min_slice_users=50, bootstrap_samples=400)
RNG = np.random.default_rng(1)
BASE = np.where(RNG.random(400) < 0.5, 0, RNG.random(400)) * 0.5
NOISE = RNG.normal(0, 0.02, 400)
CONTEXT = GateContext(date(2026, 3, 10), date(2026, 3, 3), champion_age_days=3)


def measured(system: str, values: Any, **changes: Any) -> Evaluation:
    values = np.asarray(values, float)
    users = int((~np.isnan(values)).sum())
    summary = {"ndcg@10": 0.0, "users": float(users), "coverage@10": 0.4, "calibration_error": 0.01}
    return Evaluation(
        system=system,
        users=np.arange(len(values), dtype=np.int32),
        per_user={"ndcg@10": values},
        summary=summary | changes.pop("summary", {}),
        slices=changes.pop("slices", {}),
        lists_hash=changes.pop("lists_hash", system),
        **changes,
    )


CHAMPION = measured("champion", BASE)
POPULARITY = measured("popularity", BASE * 0.5)


def judge(
    challenger: Evaluation, champion: Evaluation | None = CHAMPION, **changes: Any
) -> GateDecision:
    context = changes.pop("context", CONTEXT)
    baseline = changes.pop("baseline", POPULARITY)
    return decide(GateCase(challenger, champion, baseline, RULES, context, **changes))


def failed(decision: GateDecision) -> set[str]:
    return {r.name for r in decision.rules if not r.passed and r.leads_to}


R2 = measured("r2", BASE * 1.2)
MIXED = measured("shuffled", RNG.permutation(BASE * 1.2))
