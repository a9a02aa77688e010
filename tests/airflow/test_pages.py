"""The live page and run reports while a night is refused, corrected, held, shown and taken back:
they say what the database says, and a browser finds nothing wrong with them.

`RECSYS_PICTURES=FOLDER` keeps what the browser saw.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from airflow.models.dagrun import DagRun
from airflow.sdk.timezone import utcnow
from airflow.utils.session import create_session

from recsys_tasks.stages import STAGE_NAMES
from tests.airflow.browser import AXE, LOOKS, Look, Tab, browsing, program
from tests.airflow.walked_nights import THIRD_NIGHT, Walk, served, walked, without_a_night
from tests.stages.shop_nights import FIRST_NIGHT, SECOND_NIGHT, rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]
RUN = "night:18+x"
STAGES = len(set(STAGE_NAMES))  # the report is written at two points of a night
TAB = "run?dag=validate_data&run=night%3A18%2Bx&task=freeze"
NIGHTS = (FIRST_NIGHT, SECOND_NIGHT, THIRD_NIGHT)
STATES = (
    *("no night yet", "published", "running", "failed", "rolled back", "held", "resumed"),
    "rolled back again",
)
ANOTHER_REPORT = ("no night yet", "published", "failed", "held")
"""States whose newest report is another page than in the state before."""
# From the tables themselves, not the views that pages and commands ask.
TRUTH = """
SELECT p.as_of, p.id AS publication_id, p.release, h.who AS hold_who, h.why AS hold_why,
  (SELECT count(*) FROM recsys.list_rows AS r WHERE r.publication_id = p.id) AS users,
  (SELECT count(*) FROM recsys.publication AS w WHERE w.status = 'ready' AND w.retired_at IS NULL)
    AS waiting,
  (SELECT count(*) FROM recsys.alert_rows AS a WHERE a.resolved_at IS NULL) AS open_alerts
FROM (SELECT 1) AS one LEFT JOIN recsys.current_publication AS c ON true
LEFT JOIN recsys.publication AS p ON p.id = c.publication_id LEFT JOIN recsys.hold AS h ON true
"""
NIGHT = """
SELECT (SELECT count(DISTINCT split_part(r.stage, '.', 1)) FROM recsys.stage_run_rows AS r
        WHERE r.as_of = :day) AS stages,
  (SELECT g.verdict FROM recsys.gate_decision_rows AS g WHERE g.as_of = :day
   ORDER BY g.id DESC LIMIT 1) AS verdict,
  (SELECT p.status FROM recsys.publication AS p WHERE p.as_of = :day
   ORDER BY p.id DESC LIMIT 1) AS status
"""


@dataclass
class Seen:
    """What was there in one state, and what each told of it."""

    truth: Mapping[str, Any]
    nights: Mapping[date, Mapping[str, Any]]
    status: Mapping[str, Any]
    live: str
    reports: Mapping[date, str]
    wrong: list[str] = field(default_factory=list)
    """What a browser complained of."""
    barriers: list[str] = field(default_factory=list)
    framed: Mapping[str, Any] = field(default_factory=dict)
    tab: str = ""
    """The tab of the run that failed."""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Seen]]:
    """Every state, walked through once and looked at."""
    found: dict[str, Seen] = {}
    with pytest.MonkeyPatch.context() as patched:
        with without_a_night(tmp_path_factory) as fresh, served(fresh, patched) as address:
            found["no night yet"] = look(fresh, address)
            browse("no night yet", found["no night yet"], address, tmp_path_factory)
        with walked(tmp_path_factory) as (walk, steps), served(walk, patched) as address:
            for state, act in steps.items():
                act()
                found[state] = look(walk, address)
                if state == "failed":
                    note_run()
                    found[state].tab = httpx.get(f"{address}/nightshelf/{TAB}").text
                browse(state, found[state], address, tmp_path_factory)
    yield found


def note_run() -> None:
    """The run whose stage was refused, in Airflow's own tables."""
    airflow = str(Path(sys.executable).parent / "airflow")
    subprocess.run([airflow, "db", "migrate"], check=True, capture_output=True, env=os.environ)
    run = DagRun("validate_data", RUN, run_type="manual", run_after=utcnow())
    run.partition_key = str(THIRD_NIGHT)
    with create_session() as session:
        session.add(run)


def look(walk: Walk, address: str) -> Seen:
    """Ask the database, the command and the pages."""
    truth = _row(walk, TRUTH)
    nights = {day: _row(walk, NIGHT, day=day) for day in NIGHTS}
    with httpx.Client(base_url=f"{address}/nightshelf", trust_env=False, timeout=60) as client:
        reports = {day: client.get(f"report/{day}") for day in NIGHTS}
        live = words(client.get("tonight").raise_for_status().text)
    there = {day: words(told.text) for day, told in reports.items() if told.status_code == 200}
    return Seen(truth, nights, walk.status(), live, there)


def _row(walk: Walk, query: str, **of: Any) -> Mapping[str, Any]:
    found = rows(walk.night, query, **of).astype(object)
    return dict(found.where(found.notna(), None).iloc[0])


def words(html: str) -> str:
    """What a person reads, in one line."""
    bare = re.sub(r"<(style|script|svg).*?</\1>", " ", html, flags=re.DOTALL)
    bare = re.sub(r'<span class="day">(.*?)</span>', r"\1", bare)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", bare)).split())


def browse(state: str, seen: Seen, address: str, factory: pytest.TempPathFactory) -> None:
    """Look with a browser, where there is one."""
    if program() is None:
        return
    pages = ["tonight", *(["report"] if state in ANOTHER_REPORT else [])]
    pages += [TAB] if state == "failed" else []
    with browsing(factory.mktemp("profile")) as tab:
        for page in pages:
            for one in LOOKS:
                tab.open(f"{address}/nightshelf/{page}", one)
                _judge(tab, f"{page} at {one.name}", seen)
                if AXE.exists() and (page != "report" or one in (LOOKS[0], LOOKS[3])):
                    seen.barriers += [f"{page} at {one.name}: {x}" for x in tab.barriers()]
                _keep(tab, f"{state}-{page.partition('?')[0]}-{one.name}.png")
        if state == "failed":
            seen.framed = in_frame(tab, address)


def _judge(tab: Tab, where: str, seen: Seen) -> None:
    seen.wrong += [f"{where}: {text}" for text in tab.complaints]
    if tab.cut_off > 0:
        seen.wrong.append(f"{where}: {tab.cut_off} pixels wider than the window")


def _keep(tab: Tab, name: str) -> None:
    if folder := os.environ.get("RECSYS_PICTURES"):
        tab.picture(Path(folder) / name.replace(" ", "-"))


def in_frame(tab: Tab, address: str) -> dict[str, Any]:
    """What the page's buttons and links do within Airflow's frame."""
    tab.send(
        "Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"]
    )
    tab.open(f"{address}/frame/tonight", Look(1280, False))
    page = "document.querySelector('iframe').contentDocument"
    tab.send("Page.bringToFront")
    tab.run("document.querySelector('iframe').contentWindow.focus()")
    tab.run(f"{page}.querySelector('td button').click()")
    tab.run("new Promise(done => setTimeout(done, 300))")
    told = tab.run(f"{page}.querySelector('td button').textContent")
    command = tab.run(f"{page}.querySelector('td code').textContent")
    details = tab.run(f"{page}.querySelectorAll('td details').length")
    return {"told": told, "command": command, "details": details, "wrong": tab.complaints}


@pytest.mark.parametrize("state", STATES)
def test_the_command_the_page_and_the_reports_say_what_the_database_says(
    seen: dict[str, Seen], state: str
) -> None:
    one = seen[state]
    truth = one.truth
    asked = {**one.status, "on_hold": one.status["hold_who"] is not None}
    told = {name: asked[name] for name in truth}
    assert told == {**truth, "as_of": None if truth["as_of"] is None else str(truth["as_of"])} | (
        {"users": None} if truth["publication_id"] is None else {}
    )
    if truth["publication_id"] is None:
        assert "Readers see no lists yet" in one.live and one.reports == {}
        return
    assert f"Readers see the lists of {truth['as_of']};" in one.live
    assert f"{truth['users']:,} users, shown for" in one.live
    held = f"by {truth['hold_who']}: {truth['hold_why']}"
    assert (held in one.live) is (truth["hold_who"] is not None)
    assert ("held since" in one.live) is (truth["hold_who"] is not None)
    alerts = f"{truth['open_alerts']} open alert" if truth["open_alerts"] else "No open alert"
    assert alerts in one.live
    newest = max(day for day, night in one.nights.items() if night["stages"])
    done = one.nights[newest]["stages"]
    whole = f"The night of {newest} is done"
    part = f"{done} of {STAGES} stages are done"
    assert (whole if done == STAGES else part) in one.live
    for day, report in one.reports.items():
        assert f"Now: readers see the lists of {truth['as_of']}" in report
        assert ("held by" in report.split("As of")[0]) is (truth["hold_who"] is not None)
        head = report.split("Verdict")[0]
        verdict = one.nights[day]["verdict"]
        assert ("Not promoted" in head) is (verdict in ("reject", "hold", "refuse")), day
        assert not re.search(r"readers (still )?(see|keep|have) ", head.split("As of")[1], re.I)


def test_each_state_is_told_by_the_page(seen: dict[str, Seen]) -> None:
    grids = {state: one.live.partition("Minutes: of its stages' runs together.")[2] for state, one
             in seen.items()}  # fmt: skip
    assert "recsys run --as-of DATE" in seen["no night yet"].live
    assert f"The night of {SECOND_NIGHT} is done" in seen["published"].live
    assert f"The night of {THIRD_NIGHT} is under way" in seen["running"].live
    assert f"The night of {THIRD_NIGHT} stopped" in seen["failed"].live
    assert "freeze did not end" in seen["failed"].live and "1 open alert" in seen["failed"].live
    assert f"recsys run --as-of {THIRD_NIGHT}" in seen["failed"].live
    assert "Data refused" in seen["failed"].reports[THIRD_NIGHT]
    assert "by ann: odd <b>lists</b>" in seen["rolled back"].live
    assert "rolled back" in grids["rolled back"] and "shown now" in grids["rolled back"]
    assert (
        "waits" in grids["held"]
        and f"Those of {THIRD_NIGHT}: made, and not shown" in seen["held"].reports[THIRD_NIGHT]
    )
    assert "No open alert" in seen["held"].live
    assert f"Readers see the lists of {THIRD_NIGHT}" in seen["resumed"].live
    assert f"Those of {THIRD_NIGHT}: rolled back" in seen["rolled back again"].reports[THIRD_NIGHT]


def test_the_tab_of_a_failed_task_leads_to_what_there_is_to_read(seen: dict[str, Seen]) -> None:
    html = seen["failed"].tab
    said = words(html)
    assert f"the night of {THIRD_NIGHT}" in said
    assert f"1 of {STAGES} stages are done, freeze did not end; 1 open alert." in said
    assert f"recsys run --as-of {THIRD_NIGHT}" in said and "Data Docs" in said
    links = re.findall(r'<a href="([^"#]+)"', html)
    assert {
        f"report/{THIRD_NIGHT}",
        f"data-docs/{THIRD_NIGHT}/",
        "runbook/data-check-failed.md",
    } <= set(links)


@pytest.fixture
def browsed(seen: dict[str, Seen]) -> dict[str, Seen]:
    if program() is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    return seen


@pytest.mark.parametrize("state", STATES)
def test_a_browser_complains_of_nothing(browsed: dict[str, Seen], state: str) -> None:
    assert browsed[state].wrong == []


@pytest.mark.parametrize("state", STATES)
def test_nothing_serious_keeps_anybody_out(browsed: dict[str, Seen], state: str) -> None:
    if not AXE.exists():
        pytest.skip("no axe-core here: make axe")
    assert browsed[state].barriers == []


def test_in_airflows_frame_the_command_is_copied(browsed: dict[str, Seen]) -> None:
    framed = browsed["failed"].framed
    assert framed["command"] == f"recsys run --as-of {THIRD_NIGHT}" and framed["wrong"] == []
    assert framed["told"] == "Copied" and framed["details"] >= 1
