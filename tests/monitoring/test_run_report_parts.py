"""Parts of a run report: numbers in words, sample users, charts, and what is kept of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from recsys_tasks.lake import Lake
from recsys_tasks.monitoring.run_report import evidence, store
from recsys_tasks.monitoring.run_report.blocks import Chart, Series, change, number, percent
from recsys_tasks.monitoring.run_report.charts import svg
from recsys_tasks.snapshot.erasing import Subject
from tests.monitoring.report_facts import NIGHT, facts, measured


def test_numbers_in_words() -> None:
    values = (None, float("nan"), 1671, 0.30834, 0.5, 0.00001, 12345.6, True, "x")
    assert [number(v) for v in values] == [
        "–",
        "–",
        "1,671",
        "0.3083",
        "0.5",
        "1.0e-05",
        "12,346",
        "yes",
        "x",
    ]
    assert (percent(0.125), change(-0.0216), change(None)) == ("12.5%", "-2.2%", "–")


def test_sample_users_run_from_the_least_to_the_most_active() -> None:
    users = np.array([3, 5, 7, 9, 11], np.int32)
    # by events: 7 (1), 3 (2), 11 (2), 5 (8), 9 (30); three of five places: first, middle, last
    assert evidence.choose(users, [2, 8, 1, 30, 2], 3).tolist() == [7, 11, 9]
    assert evidence.choose(users, [2, 8, 1, 30, 2], 0).tolist() == []
    assert evidence.choose(users[:1], [2], 4).tolist() == [3]


def test_a_part_that_cannot_be_made_says_why() -> None:
    assert evidence.attempt("it", lambda: 7) == {"found": 7}
    assert evidence.attempt("it", lambda: 1 / 0) == {
        "missing": "ZeroDivisionError: division by zero"
    }


def test_a_chart_is_the_same_bytes_again() -> None:
    chart = Chart("lines", "A", "x", "y", (Series("s", ("2026-03-09", "2026-03-10"), (1.0, 2.0)),))
    assert svg(chart) == svg(chart)
    assert "03-09" in svg(chart) and "<svg " in svg(chart)


def test_the_page_is_kept_once_for_the_same_facts(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    first = store.keep(lake, NIGHT, facts() | {"written_at": "at one"}, measured(), "e1")
    again = facts() | {"written_at": "at two"}
    again["stages"] = [
        {**stage, "seconds": 0.1, "figures": {"reused": True}} for stage in again["stages"]
    ]
    assert store.keep(lake, NIGHT, again, measured(), "e1").reference == first.reference
    assert (
        store.keep(lake, NIGHT, facts() | {"alerts": []}, measured(), "e1").reference
        != first.reference
    )
    assert store.kept_evidence(lake, NIGHT, "e1") == measured()
    assert store.kept_evidence(lake, NIGHT, "e2") is None


@pytest.mark.parametrize("user", ["u0042", "42", "Ann"])
def test_an_erased_user_leaves_the_page_and_others_stay(tmp_path: Path, user: str) -> None:
    lake, both = Lake(tmp_path), measured(user)
    both["lists"]["found"] += measured("u0077")["lists"]["found"]
    artifact, subject = store.keep(lake, NIGHT, facts(), both, "e"), Subject(user, 3)
    cuts = store.erase_report(artifact, subject)
    assert cuts
    with lake.revising(artifact, {"by": "test"}) as draft:
        for cut in cuts:
            cut.apply(draft)
    after = lake.require("report", "2026-03-10")
    kept = json.loads(after.file("evidence.json").read_text())["lists"]["found"]
    assert [sample["user"] for sample in kept] == ["u0077"]
    html = after.file("report.html").read_text()
    assert f"User {user}:" not in html and "User u0077:" in html
    assert store.erase_report(after, subject) == []
