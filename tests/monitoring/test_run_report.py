"""The run report: each section says its numbers, says what is missing, and escapes what the shop
wrote.
"""

from __future__ import annotations

import json
import re
from datetime import date
from html.parser import HTMLParser

import numpy as np
import pytest

from recsys_tasks.lake import Lake
from recsys_tasks.monitoring.run_report import evidence, store
from recsys_tasks.monitoring.run_report.blocks import Chart, Known, Series, change, number, percent
from recsys_tasks.monitoring.run_report.charts import svg
from recsys_tasks.monitoring.run_report.page import render
from recsys_tasks.monitoring.run_report.view import view
from recsys_tasks.snapshot.erasing import Subject

NIGHT = date(2026, 3, 10)
SYSTEMS = (("popularity", "popularity", 0.08), ("challenger", "r2", 0.31), ("champion", "r1", 0.3))


class Sections(HTMLParser):
    """Text by section id; everything before the first section is `head`. Unbalanced tags fail."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.tags, self._open, self._at = {"head": ""}, [], [], "head"
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "section":
            self._at = dict(attributes)["id"]
            self.text[self._at] = ""
        if tag not in ("meta", "br"):
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] != "style":
            self.text[self._at] += data + " "


def check(name, passed=True, blocking=True):
    return {
        "name": name,
        "suite": "events",
        "about": "a",
        "blocking": blocking,
        "passed": passed,
        "found": 0,
        "total": 9,
        "bound": "0 %",
        "observed": f"{name} of 9 rows",
        "examples": [],
    }


def rule(name, passed=True, bound=0.95, value=0.99, leads_to="reject"):
    return {
        "name": name,
        "bound": bound,
        "value": value,
        "passed": passed,
        "words": f"{name} said",
        "leads_to": leads_to,
    }


def system(name, ndcg):
    return {
        "system": name,
        "summary": {"ndcg@10": ndcg, "never_heard_of": 0.625, "coverage@10": None},
        "intervals": {"ndcg@10": [ndcg - 0.01, ndcg + 0.01]},
        "slices": {
            "country=SE": {"users": 120, "mean": ndcg},
            "country=NO": {"users": 7, "mean": None},
        },
        "bias_curve": {"10": 2, "100": 40},
        "reliability": [[0.1, 0.12, 50], [0.3, 0.28, 50]],
    }


def facts():
    """A night on which the challenger fell short in one group, and an alarm was raised."""
    ledger = {
        "start": "warm",
        "kept": 800,
        "new": 7,
        "drift": 0.02,
        "loss": [3.5, 3.25],
        "recall_before": 0.81,
        "recall_after": 0.83,
        "refresh_ok": True,
        "parent": "x",
        "late_idea": 41,
    }
    alert = {
        "incident": "i1",
        "severity": "warning",
        "kind": "drift",
        "message": "scores drifted <b>",
        "reader_state": "readers have fresh lists",
        "remedy": "recsys publications",
        "runbook": "drift.md",
        "raised_at": "2026-03-10 01:04:05+00:00",
    }
    return {
        "project": "shop",
        "as_of": "2026-03-10",
        "at": "2026-03-10 01:00 UTC",
        "extract": {"rows": 5118, "new_days": 1, "changed_days": 2},
        "validation": {
            "rows": 1110,
            "days": ["2026-03-09"],
            "checks": [check("one"), check("two", False, False)],
        },
        "snapshot": {
            "users": 1863,
            "items": 833,
            "duplicates": 3,
            "waiting": {"unknown_item": 17},
            "erased": 0,
        },
        "new_days": ["2026-03-09"],
        "rows_by_day": [["2026-03-08", 900], ["2026-03-09", 1110]],
        "decision": {
            "as_of": "2026-03-10",
            "challenger": "r2",
            "champion": "r1",
            "verdict": "hold",
            "paragraph": "Release r2 is held for a person to decide.",
            "rules": [
                rule("better"),
                rule("new_rule_of_others"),
                rule("slice:country=SE", False, -0.05, -0.125, "hold"),
            ],
        },
        "figures": {
            "metric": "ndcg@10",
            "level": 0.95,
            "systems": {name: system(of, ndcg) for name, of, ndcg in SYSTEMS},
            "against": {
                "champion": {"ndcg@10": {"change": 0.0333, "low": 0.01, "high": 0.06}},
                "popularity": {},
            },
            "columns": {"fused_rank": 0.79},
        },
        "release": {
            "release_id": "r2",
            "as_of": "2026-03-10",
            "mode": "light_and_heavy",
            "gate_cutoff": "2026-03-03",
            "held_out_ndcg@10": {"fused": 0.3, "light": 0.34, "heavy": 0.36},
            "importances": {"heavy": {"buy": {"due": 0.7, "rank": 0.3}}},
            "windows": [
                {
                    "label_start": "2026-02-24",
                    "users": 50,
                    "rows": 900,
                    "positives": 40,
                    "truth": 80,
                }
            ],
        },
        "lineage": "abc-20260101",
        "towers": [{"lineage": "abc-20260101", "learned_before": "2026-03-10", "ledger": ledger}],
        "metrics": {
            "gate/generator=union": {"recall@300": 0.8125, "unique@300": 0.8125},
            "gate/generator=two_tower": {"recall@300": 0.7, "unique@300": 0.0625},
            "lists": {"identical_share": 0.015625},
        },
        "realised": [],
        "alerts": [alert],
        "stages": [
            {
                "stage": "judge",
                "seconds": 7.25,
                "rows": 12,
                "figures": {"reused": False, "users": 861},
            }
        ],
        "publications": [
            {"publication_id": 5, "as_of": "2026-03-10", "status": "published", "note": None}
        ],
        "status": {"as_of": "2026-03-10", "rows": 1671, "release": "r1", "on_hold": False},
    }


def measured(user="u0042"):
    entry = {
        "rank": 1,
        "item": "i7",
        "title": "<script>alert(1)</script>",
        "score": 0.25,
        "reason": "because_of",
        "anchor": "A & B",
        "hit": True,
        "why": [["pair_due", 0.5]],
    }
    return {
        "lists": {"found": [{"user": user, "events": 12, "did": 3, "items": [entry]}]},
        "shap": {"found": {"pair_due": 0.4, "rank": 0.1}},
        "steps": {"found": {"heavy": [[10, 0.33], [20, 0.355], [30, 0.36]]}},
        "sizes": {"missing": "it is off"},
    }


@pytest.fixture(scope="module")
def page():
    html = render(view(Known(facts(), measured())))
    return html, Sections(html)


def test_the_head_answers_what_is_wrong_and_what_readers_see(page):
    head = page[1].text["head"]
    assert (
        "Data passed with warnings; release held for a person; readers saw tonight's lists; 1"
        " alarm." in head
    )
    assert "1,110 rows of 1 day; 1 warning" in head
    assert "r1 stayed champion; failed: country=SE" in head


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("alarms", ["2026-03-10 01:04", "scores drifted <b>", "recsys publications", "drift.md"]),
        (
            "verdict",
            ["held for a person to decide", "country=SE", "-0.125", "new_rule_of_others", "0.99"],
        ),
        ("metrics", ["0.31 (0.300–0.320)", "never_heard_of", "0.625", "+3.3% (+1.0% to +6.0%)"]),
        ("slices", ["country=NO", "not guarded", "-12.5%, fails", "Surely worse off: country=SE."]),
        ("balance", ["Popularity bias", "Calibration", "fused_rank"]),
        ("generators", ["find 81.2% of what users did next among 300 candidates", "70.0%", "6.2%"]),
        (
            "rankers",
            [
                "fused 0.3, light 0.34, heavy 0.36",
                "+0.0050 from 20 to 30 trees",
                "it is off",
                "50.0%",
            ],
        ),
        ("tower", ["abc-20260101", "tonight, warm start", "0.83", "late idea", "41"]),
        (
            "data",
            [
                "5,118 rows read, 1 new day, 2 changed days",
                "waiting: unknown item",
                "17",
                "two of 9 rows",
            ],
        ),
        (
            "lists",
            ["User u0042: 12 events", "3 items of which 1 were", "because of A & B", "+0.50", "✓"],
        ),
        (
            "published",
            ["identical_share", "0.0156", "Publication 5 of this night was published when"],
        ),
        ("stages", ["judge", "7.2", "users 861"]),
    ],
)
def test_each_section_has_its_numbers(page, section, words):
    text = page[1].text[section]
    assert [word for word in words if word not in text] == []


def test_the_page_runs_and_fetches_nothing(page):
    html, found = page
    assert "script" not in found.tags and "&lt;script&gt;" in html
    assert {"link", "img", "iframe"} & set(found.tags) == set()
    # Whatever is named in an attribute stands in the page itself; namespaces are names, not
    # addresses.
    assert 'src="' not in html and 'href="http' not in html and "url(http" not in html


def test_no_two_charts_share_an_id(page):
    ids = re.findall(r'\bid="([^"]+)"', page[0])
    assert len(ids) == len(set(ids)) > 20


def test_a_night_that_nothing_is_known_of_says_so_everywhere():
    found = Sections(render(view(Known({"project": "shop", "as_of": "2026-03-10"}))))
    assert (
        "Data not checked; release not judged; readers had no lists yet; no alarm."
        in found.text["head"]
    )
    for section, words in {
        "verdict": "The judge did not run",
        "metrics": "nothing to compare",
        "generators": "Not measured",
        "rankers": "No ranker was trained",
        "tower": "No tower version",
        "data": "extract did not run",
        "lists": "not made for this night",
        "published": "Not measured",
        "stages": "did not start",
    }.items():
        assert words in found.text[section]
    assert "svg" not in found.tags


def test_a_refused_batch_comes_first():
    known = facts() | {
        "snapshot": None,
        "decision": None,
        "figures": None,
        "release": None,
        "alerts": [],
    }
    known["validation"] = {
        "rows": 9,
        "days": ["2026-03-09"],
        "checks": [check("unknown_item", False)],
    }
    known["status"] = {**known["status"], "as_of": "2026-03-09"}
    text = Sections(render(view(Known(known)))).text
    assert (
        "Data refused; release not judged; readers still saw the lists of 2026-03-09"
        in text["head"]
    )
    assert "events.unknown_item: unknown_item of 9 rows (allowed: 0 %)" in text["alarms"]


def test_a_first_release_and_one_without_ranker_say_so():
    known = facts()
    known["decision"] = {
        **known["decision"],
        "champion": None,
        "verdict": "promote",
        "rules": [rule("first")],
    }
    known["figures"]["systems"].pop("champion")
    known["release"] |= {
        "mode": "retrieval",
        "reason": "no label window has min_history_days of data before it",
    }
    text = Sections(render(view(Known(known)))).text
    assert "r2 replaced nothing: it is the first" in text["head"]
    assert "no champion to compare with" in text["metrics"]
    assert "The ranker is off" in text["rankers"] and "no label window" in text["rankers"]


def test_the_stored_words_hold_after_readers_were_moved_back():
    """A page is kept and readers are moved: no sentence of its own speaks of them, or of who
    serves, in the present.
    """
    nights = [
        facts(),
        facts()
        | {"status": {**facts()["status"], "on_hold": True, "hold_who": "ann", "hold_why": "odd"}},
    ]
    nights += [
        facts() | {"status": {**facts()["status"], "as_of": day}}
        for day in ("2026-03-09", "2026-03-11")
    ]
    nights += [
        facts() | {"decision": None},
        facts() | {"status": {}},
        facts() | {"release": None, "decision": None},
    ]
    nights += [
        facts() | {"decision": {**facts()["decision"], "verdict": "promote"}},
        facts() | {"snapshot": None},
    ]
    nights += [facts() | {"release": facts()["release"] | {"mode": "retrieval"}}]
    present = re.compile(
        r"readers (still |now )?(see|have|keep|get)\b|\b(serves|stays|replaces|is served|is"
        r" (published|ready))\b",
        re.I,
    )
    for known in nights:
        text = Sections(render(view(Known(known | {"alerts": []}, measured())))).text
        assert (
            "As of 2026-03-10 01:00 UTC." in text["head"]
            and "`recsys publications`" in text["head"]
        )
        assert [match.group() for part in text.values() for match in present.finditer(part)] == []


def test_a_failed_stage_comes_first_with_what_to_do():
    error = {
        "error": "SchemaError",
        "expected": "a column",
        "found": "none <b>",
        "where": "items.csv",
        "remedy": "add it",
    }
    known = {
        "project": "shop",
        "as_of": "2026-03-10",
        "failures": [{"stage": "extract", "error": error}],
    }
    found = Sections(render(view(Known(known))))
    assert "extract failed. Data not checked" in found.text["head"]
    assert list(found.text)[1] == "failed"
    assert all(
        word in found.text["failed"]
        for word in ("SchemaError", "a column", "none <b>", "items.csv", "add it")
    )


def test_realised_figures_stand_beside_popular_items_by_kind():
    rows = [
        {"as_of": "2026-03-09", "scope": scope, "name": name, "value": value}
        for scope, value in (
            ("realised", 0.5),
            ("realised/event=view", 0.625),
            ("realised/event=purchase", 0.0625),
        )
        for name in ("hr@10", "popular/hr@10", "users")
    ]
    text = Sections(render(view(Known(facts() | {"realised_by": rows})))).text["published"]
    assert "lists of 2026-03-09, beside popular items" in text
    assert all(
        word in text
        for word in ("any of the objectives", "event purchase", "0.0625", "popular/hr@10")
    )


def test_without_figures_the_recorded_means_are_shown():
    known = facts() | {"figures": None}
    known["metrics"]["gate/challenger"] = {"ndcg@10": 0.305}
    assert "0.305" in Sections(render(view(Known(known)))).text["metrics"]


# --- parts ---------------------------------------------------------------------------------------


def test_numbers_in_words():
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


def test_sample_users_run_from_the_least_to_the_most_active():
    users = np.array([3, 5, 7, 9, 11], np.int32)
    # by events: 7 (1), 3 (2), 11 (2), 5 (8), 9 (30); three of five places: first, middle, last
    assert evidence.choose(users, [2, 8, 1, 30, 2], 3).tolist() == [7, 11, 9]
    assert evidence.choose(users, [2, 8, 1, 30, 2], 0).tolist() == []
    assert evidence.choose(users[:1], [2], 4).tolist() == [3]


def test_a_part_that_cannot_be_made_says_why():
    assert evidence.attempt("it", lambda: 7) == {"found": 7}
    assert evidence.attempt("it", lambda: 1 / 0) == {
        "missing": "ZeroDivisionError: division by zero"
    }


def test_a_chart_is_the_same_bytes_again():
    chart = Chart("lines", "A", "x", "y", (Series("s", ("2026-03-09", "2026-03-10"), (1.0, 2.0)),))
    assert svg(chart) == svg(chart)
    assert "03-09" in svg(chart) and "<svg " in svg(chart)


# --- in the lake ---------------------------------------------------------------------------------


def test_the_page_is_kept_once_for_the_same_facts(tmp_path):
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
def test_an_erased_user_leaves_the_page_and_others_stay(tmp_path, user):
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
