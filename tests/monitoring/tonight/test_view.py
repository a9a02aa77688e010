"""The live page of a night that stopped, of one under way, and of a shop without any."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any

from recsys_tasks.monitoring.run_report.page import render
from recsys_tasks.monitoring.tonight import Asked, live_page
from recsys_tasks.monitoring.tonight.facts import Deadline, Live

NOW = datetime(2026, 3, 10, 4, 30, tzinfo=UTC)
NIGHT = date(2026, 3, 10)
STAGES = {"data": ["extract", "freeze"], "tower": ["train_two_tower"]}
STATUS: Mapping[str, Any] = {
    "as_of": date(2026, 3, 9),
    "rows": 1200,
    "age": timedelta(hours=27),
    "release": "r20260309-ab12cd",
    "on_hold": False,
}
COLUMNS = (
    *("verdict", "status", "users", "stage_seconds", "cpu_seconds", "coverage", "churn"),
    *("ndcg", "popular_ndcg", "hit_rate", "popular_hit_rate", "gain", "gain_low", "gain_high"),
    *("challenger_ndcg", "champion_ndcg", "popularity_ndcg"),
)
ALERT: Mapping[str, Any] = {
    "severity": "critical",
    "kind": "ValidationFailed",
    "as_of": NIGHT,
    "raised_at": NOW,
    "message": "freeze failed",
    "reader_state": "readers keep the lists of 2026-03-09, 1 night behind",
    "remedy": "mend item <i1>, see `recsys report`; then: airflow dags clear --yes validate_data",
    "runbook": "https://shop.example/runbooks/data-check-failed.md",
    "acknowledged_at": None,
    "acknowledged_by": None,
    "acknowledged_note": None,
}


def shown(
    alerts: Sequence[Mapping[str, Any]],
    done: Sequence[str],
    deadline: Deadline | None = None,
    readers: date = NIGHT - timedelta(days=1),
) -> str:
    """The HTML of a page whose newest night ended these stages; `readers`: the night they see."""
    night = {"as_of": NIGHT, "failures": len(alerts), "alerts": len(alerts)}
    night |= dict.fromkeys(COLUMNS)
    live = Live(
        project="shop",
        now=NOW,
        stages=STAGES,
        deadline=deadline,
        expected="",
        asked=Asked(),
        status={**STATUS, "as_of": readers},
        alerts=alerts,
        nights=[night],
        finished={NIGHT: dict.fromkeys(done, NOW)},
    )
    return render(live_page(live))


def words(html: str) -> str:
    bare = re.sub(r"<style.*?</style>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", bare)).split())


def test_a_stopped_night_says_what_did_not_end_and_gives_the_last_command() -> None:
    left = Deadline(NIGHT, "readers' deadline 06:00 UTC, 1 h 30 min left", False)
    html = shown([ALERT], ["extract"], left)
    said = words(html)
    assert "The night of 2026-03-10 stopped" in said and "1 of 3 stages are done" in said
    assert "freeze did not end" in said and "1 h 30 min left" in said
    assert "Readers see the lists of 2026-03-09" in said and "1,200 users, shown for 27 h" in said
    assert re.findall(r"<code>(.*?)</code>", html) == ["airflow dags clear --yes validate_data"]
    assert "item &lt;i1&gt;" in html
    assert '<span class="day">2026-03-09</span>' in html  # not broken at its hyphens
    assert '<a href="https://shop.example/runbooks/data-check-failed.md">' in html
    assert "1 of 2" in said  # in the column of data


def test_a_night_under_way_is_none_that_stopped() -> None:
    html = shown([], ["extract", "freeze"])
    said = words(html)
    assert "The night of 2026-03-10 is under way" in said and "next train_two_tower" in said
    assert "No open alert" in said and "<h2>Alerts</h2>" not in html


def test_a_deadline_is_said_only_while_readers_lack_the_night() -> None:
    passed = Deadline(NIGHT, "readers' deadline 03:00 UTC, passed 1 h 30 min ago", True)
    assert "passed 1 h 30 min ago" in words(shown([], [], passed))
    assert "deadline" not in words(shown([], [], passed, readers=NIGHT)).lower()


def test_a_runbook_that_is_no_address_is_no_link() -> None:
    html = shown([{**ALERT, "runbook": "javascript:alert(1)//x.md"}], [])
    assert "javascript:" not in html and "x.md" in html


def test_a_shop_without_a_night_is_told_how_to_begin() -> None:
    status = {**dict.fromkeys(STATUS), "on_hold": False}
    live = Live("shop", NOW, STAGES, None, "", Asked(), status)
    said = words(render(live_page(live)))
    assert "Readers see no lists yet" in said and "recsys run --as-of DATE" in said


def test_the_page_says_who_is_at_an_alert() -> None:
    assert "nobody yet" in words(shown([ALERT], ["extract"]))
    who = {"acknowledged_at": NOW, "acknowledged_by": "ann <b>", "acknowledged_note": "on it"}
    assert "ann <b> since 03-10 04:30: on it" in words(shown([{**ALERT, **who}], ["extract"]))


def test_what_a_failed_stage_found_is_read_without_a_click() -> None:
    parts = "validate_data failed at freeze\nexpected: dates\n   found: {}\n   where: part 1"
    for found, told in (("24 rows of <x>", "24 rows of <x>"), ("dateless " * 40, "dateless …")):
        html = shown([{**ALERT, "message": parts.format(found)}], ["extract"])
        cell = unescape(
            html.partition("validate_data failed at freeze")[2].partition("<details")[0]
        )
        assert cell.startswith(": ") and told in cell and "expected" not in cell
        assert len(cell) < 220
