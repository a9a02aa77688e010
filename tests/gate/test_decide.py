"""Every verdict of the gate, from literal per-user metrics."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from recsys_tasks.errors import DataError
from recsys_tasks.gate.canaries import Canaries
from recsys_tasks.gate.decision import (
    GateContext,
    not_judged,
    read_decision,
    write_decision,
)
from recsys_tasks.gate.recount import Counted, Recount
from recsys_tasks.lake import Lake
from tests.gate.cases import BASE, CONTEXT, R2, failed, judge, measured


def test_clearly_better_is_promoted_and_says_why() -> None:
    decision = judge(measured("r2", BASE * 1.2))
    assert decision.promotes and not failed(decision)
    assert decision.paragraph.startswith(
        "Release r2 was promoted over champion, judged on what users did from 2026-03-03"
    )
    assert "+20.0%" in decision.paragraph
    by_name = {r.name: r for r in decision.rules}
    assert by_name["better"].bound == 0.95 and by_name["better"].value == 1.0
    assert by_name["coverage"].bound == 0.5 and by_name["coverage"].value == 1.0
    assert by_name["calibration"].value == 0.01 and by_name["min_users"].value == 400


def test_before_a_person_agreed_nothing_is_said_to_be_promoted() -> None:
    context = replace(CONTEXT, asks_a_person=True)
    said = judge(measured("r2", BASE * 1.2), context=context).paragraph
    assert said.startswith(
        "Release r2 passed the gate over champion and serves once a person agrees, judged on"
    )
    assert "promoted" not in said
    rejected = judge(measured("r2", BASE * 0.9), context=context).paragraph
    assert "rejected and champion stays" in rejected


def test_worse_is_rejected() -> None:
    decision = judge(measured("r2", BASE * 0.9))
    assert decision.verdict == "reject" and failed(decision) == {"better_or_fresher"}
    assert "rejected and champion stays" in decision.paragraph and "-10.0%" in decision.paragraph


def test_empty_window_is_rejected_in_words() -> None:
    nothing = np.full(400, np.nan)
    decision = judge(
        measured("r2", nothing),
        measured("champion", nothing),
        baseline=measured("popularity", nothing),
    )
    assert decision.verdict == "reject" and failed(decision) == {
        "min_users"
    }  # no canary can say anything either
    assert (
        "nobody did anything in the gate window" in decision.paragraph
        and "nan" not in decision.paragraph
    )


def test_too_few_users_promote_nothing() -> None:
    few = np.where(np.arange(400) < 49, BASE, np.nan)
    decision = judge(measured("r2", few * 2), measured("champion", few))
    assert decision.verdict == "reject" and "min_users" in failed(decision)
    assert "only 49 users" in decision.paragraph


def test_broken_scores_are_refused_whatever_the_gain() -> None:
    decision = judge(measured("r2", BASE * 2, fault="3 scores are NaN"))
    assert decision.verdict == "refuse" and "3 scores are NaN" in decision.paragraph


def test_a_first_release_that_is_refused_says_what_readers_get_instead() -> None:
    retrieval = measured("retrieval order", BASE * 0.8)
    broken = Canaries(recount=Recount(truth=Counted(9, 9)))
    decision = judge(R2, None, canaries=broken, retrieval=retrieval)
    mean = BASE.mean()  # .8 of it is a third less than 1.2 of it, and .6 more than half of it
    assert (
        decision.served
        == f"Until a release passes, readers get the order of retrieval: ndcg@10 {0.8 * mean:.4f},"
        f" -33% against this release's {1.2 * mean:.4f} and +60% against plain popularity's"
        f" {0.5 * mean:.4f}"
    )
    assert decision.paragraph.endswith(f"{decision.served}.")
    assert judge(R2, None, retrieval=retrieval).served is None  # promoted: it serves
    assert judge(R2, canaries=broken, retrieval=retrieval).served is None  # the champion stays


def test_a_champion_that_cannot_be_judged_is_a_verdict() -> None:
    context = GateContext(
        date(2026, 3, 10), date(2026, 3, 3), champion="r1", champion_fault="artifact r1: gone"
    )
    decision = judge(measured("r2", BASE), None, context=context)
    assert decision.verdict == "refuse" and failed(decision) == {"champion_can_be_judged"}
    assert decision.champion == "r1" and "the champion r1 cannot be judged" in decision.paragraph


def test_nothing_is_worse_off_than_a_broken_score() -> None:
    decision = judge(
        measured("r2", BASE * 1.2, fault="3 scores are NaN and 0 lie outside [0, 1], of 400")
    )
    assert decision.verdict == "refuse" and "3 scores are NaN" in decision.paragraph


def test_other_users_are_an_error() -> None:
    with pytest.raises(DataError, match="same users and window"):
        judge(measured("r2", BASE[:300]))


def test_decision_survives_the_lake(tmp_path: Path) -> None:
    champion = measured("champion", np.zeros(400))  # an infinite relative gain must stay valid JSON
    decision = judge(measured("r2", BASE, slices={"s": np.ones(400, bool)}), champion)
    lake = Lake(tmp_path)
    artifact = write_decision(lake, decision, {"challenger": "r2"}, "")
    assert read_decision(artifact) == decision
    json.dumps(decision.as_dict(), allow_nan=False)


def test_backfill_is_not_judged() -> None:
    decision = not_judged("r2", "champion", CONTEXT, "backfill")
    assert not decision.promotes and "not judged: backfill" in decision.paragraph
