"""The tab `Night` in a running Airflow, as a person meets it: on a run and on a task that failed,
in a browser, wide and on a phone.

`RECSYS_PICTURES=FOLDER` keeps what the browser saw.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from recsys_tasks.config import load_config
from tests.airflow.browser import LOOKS, Tab, browsing, program
from tests.airflow.stacks import Launcher, until
from tests.airflow.walked_nights import THIRD_NIGHT
from tests.stages.finished_nights import finished_both_nights, shop_of
from tests.stages.shop_nights import SECOND_NIGHT, write_settings

pytestmark = [pytest.mark.slow, pytest.mark.airflow, pytest.mark.timeout(1800)]
_FRAME = "document.querySelector('iframe')?.contentDocument"
_RUN, _TASK = "the run", "the failed task"
WHERE = (_RUN, _TASK)


@dataclass
class Seen:
    """A tab of Airflow's UI with its page."""

    words: str
    led: dict[str, str]
    """Address of each link of the page → title and heading of what it opens."""
    wrong: list[str]


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """Two nights are published, the third's batch is damaged."""
    if program() is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    finished, folder = finished_both_nights(tmp_path_factory), tmp_path_factory.mktemp("tab")
    home = folder / "home"
    subprocess.run(["cp", "-a", finished.folder / "home", home], check=True)
    settings = write_settings(folder)
    shop_of(load_config(settings), home).write_bad_batch(SECOND_NIGHT)
    with Launcher(home, settings) as started:
        yield started.wait_up()


@pytest.fixture(scope="module")
def seen(launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    """Both tabs, once the night has failed and the alert is written."""
    run = launcher.trigger(THIRD_NIGHT)
    until(lambda: "failed" in launcher.states("validate_data"), 600, lambda: launcher.said)
    base = f"{launcher.http.base_url}/dags/validate_data/runs/{quote(run, safe='')}"
    addresses = {
        _RUN: f"{base}/plugin/night",
        _TASK: f"{base}/tasks/freeze/plugin/night-of-task",
    }
    with browsing(tmp_path_factory.mktemp("profile")) as tab:
        tab.open(str(launcher.http.base_url), LOOKS[0])  # lets the browser in
        return {where: _look(tab, where, addresses[where]) for where in WHERE}


def _look(tab: Tab, where: str, address: str) -> Seen:
    wrong: list[str] = []
    for one in LOOKS:
        tab.open(address, one)
        _until_there(tab, f"{THIRD_NIGHT}")
        wrong += [f"{one.name}: {text}" for text in tab.complaints if "/nightshelf/" in text]
        cut = tab.run(
            f"{_FRAME}.documentElement.scrollWidth - {_FRAME}.documentElement.clientWidth"
        )
        if cut > 0:
            wrong.append(f"{one.name}: {cut} pixels wider than its frame")
        _keep(tab, f"{where}-{one.name}.png")
    hrefs = tab.run(f"[...{_FRAME}.querySelectorAll('a')].map(a => a.href)")
    words = str(tab.run(f"{_FRAME}.body.innerText"))
    led = {str(href): _title(tab, str(href)) for href in hrefs if "/nightshelf/" in href}
    return Seen(words, led, wrong)


def _until_there(tab: Tab, words: str) -> None:
    asked = f"{_FRAME}?.body?.innerText ?? ''"
    until(
        lambda: words in (tab.run(asked) or ""), 60, lambda: f"{tab.run('document.body.innerText')}"
    )


def _title(tab: Tab, href: str) -> str:
    """Title and first heading of what a link opens within the frame."""
    tab.run(f"document.querySelector('iframe').src = {href!r}")
    there = f"{_FRAME}?.readyState == 'complete' && {_FRAME}.location.href == {href!r}"
    until(lambda: tab.run(there), 60, href)
    return str(tab.run(f"{_FRAME}.title + ' · ' + {_FRAME}.querySelector('h1')?.textContent"))


def _keep(tab: Tab, name: str) -> None:
    if folder := os.environ.get("RECSYS_PICTURES"):
        time.sleep(1)  # the frame has been drawn
        tab.picture(Path(folder) / f"tab-{name}".replace(" ", "-"))


@pytest.mark.parametrize("where", WHERE)
def test_the_tab_leads_to_the_nights_page_alert_data_docs_and_runbook(
    seen: dict[str, Seen], where: str
) -> None:
    tab = seen[where]
    assert f"the night of {THIRD_NIGHT}" in tab.words and "freeze did not end" in tab.words
    assert "1 open alert" in tab.words and "night.future: share of rows" in tab.words
    assert re.search(r"airflow dags clear --yes --run-id \S+ validate_data", tab.words)
    places = {href.partition("/nightshelf/")[2]: title for href, title in tab.led.items()}
    assert f"night {THIRD_NIGHT}" in places[f"report/{THIRD_NIGHT}"]
    assert "data-check-failed" in places["runbook/data-check-failed.md"]
    assert places[f"data-docs/{THIRD_NIGHT}/"] and "tonight" in places


@pytest.mark.parametrize("where", WHERE)
def test_nothing_of_it_is_wrong_on_a_screen_or_a_phone(seen: dict[str, Seen], where: str) -> None:
    assert seen[where].wrong == []
