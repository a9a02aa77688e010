"""The run report: each section says its numbers, says what is missing, and escapes what the shop
wrote.
"""

from __future__ import annotations

import re

import pytest

from recsys_tasks.monitoring.run_report.blocks import Known
from recsys_tasks.monitoring.run_report.page import render
from recsys_tasks.monitoring.run_report.view import view
from tests.monitoring.report_facts import Sections, check, facts, measured, rule

Page = tuple[str, Sections]
"""The page's HTML and its sections."""


@pytest.fixture(scope="module")
def page() -> Page:
    html = render(view(Known(facts(), measured())))
    return html, Sections(html)


def test_the_head_answers_what_is_wrong_and_what_readers_see(page: Page) -> None:
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
def test_each_section_has_its_numbers(page: Page, section: str, words: list[str]) -> None:
    text = page[1].text[section]
    assert [word for word in words if word not in text] == []


def test_the_page_runs_and_fetches_nothing(page: Page) -> None:
    html, found = page
    assert "script" not in found.tags and "&lt;script&gt;" in html
    assert {"link", "img", "iframe"} & set(found.tags) == set()
    # Whatever is named in an attribute stands in the page itself; namespaces are names, not
    # addresses.
    assert 'src="' not in html and 'href="http' not in html and "url(http" not in html


def test_the_verdict_says_once_what_was_met() -> None:
    known = facts()
    known["decision"]["paragraph"] = (
        "Release r2 was rejected. Why: not better. What was in order: scores are numbers; enough."
    )
    said = Sections(render(view(Known(known, measured())))).text["verdict"]
    assert "rejected. Why: not better." in said and "What was in order" not in said


def test_no_two_charts_share_an_id(page: Page) -> None:
    ids = re.findall(r'\bid="([^"]+)"', page[0])
    assert len(ids) == len(set(ids)) > 20


def test_a_night_that_nothing_is_known_of_says_so_everywhere() -> None:
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


def test_a_refused_batch_comes_first() -> None:
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
        in " ".join(text["head"].split())
    )
    assert "events.unknown_item: unknown_item of 9 rows (allowed: 0 %)" in text["alarms"]


def test_a_first_release_and_one_without_ranker_say_so() -> None:
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


def test_the_stored_words_hold_after_readers_were_moved_back() -> None:
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


def test_a_failed_stage_comes_first_with_what_to_do() -> None:
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


def test_realised_figures_stand_beside_popular_items_by_kind() -> None:
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


def test_without_figures_the_recorded_means_are_shown() -> None:
    known = facts() | {"figures": None}
    known["metrics"]["gate/challenger"] = {"ndcg@10": 0.305}
    assert "0.305" in Sections(render(view(Known(known)))).text["metrics"]


# --- parts ---------------------------------------------------------------------------------------


# --- in the lake ---------------------------------------------------------------------------------
