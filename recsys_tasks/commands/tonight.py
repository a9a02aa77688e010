"""The live page, as Airflow's UI asks for it: the reader's database and the settings file, put
together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from recsys_tasks.config import Environment, load_config
from recsys_tasks.config.environment import PROJECT_ROOT
from recsys_tasks.config.essentials import read_essentials
from recsys_tasks.config.nights import Nights
from recsys_tasks.database import create_engine, reader_url
from recsys_tasks.errors import ConfigError, RecsysError
from recsys_tasks.lake import Lake
from recsys_tasks.monitoring.kinds import REPORT
from recsys_tasks.monitoring.run_report.blocks import Card, Page
from recsys_tasks.monitoring.run_report.page import Live as Looks
from recsys_tasks.monitoring.run_report.page import render
from recsys_tasks.monitoring.tonight.facts import (
    Asked,
    Deadline,
    Known,
    read_live,
    read_readers,
)
from recsys_tasks.monitoring.tonight.of_night import Around, night_page, read_night
from recsys_tasks.monitoring.tonight.view import live_page, readers_line
from recsys_tasks.stages.pipeline import STAGES_BY_DAG

_DOCS = "data_docs"
_COLUMNS = ("data", "tower", "index", "ranker", "publish", "monitor")
"""A column of the grid for each DAG of a night, in their order."""


def tonight(environment: Environment, asked: Asked, now: datetime, nonce: str) -> str:
    """The page as HTML; a database that does not answer is what it says, not an error. It writes
    nothing.
    """
    looks = Looks({"Run reports": "report"}, asked.user, asked.item, nonce)
    try:
        engine = create_engine(reader_url(environment))
        try:
            live = read_live(engine, _known(environment, now), asked)
        finally:
            engine.dispose()
    except RecsysError as error:
        return render(_unanswered(_project(environment), error, now), looks)
    return render(live_page(live), looks)


def readers_now(environment: Environment, night: str) -> str:
    """A line on what readers see now, to stand above what was written earlier. It writes nothing,
    and a database that does not answer is what it says.
    """
    try:
        engine = create_engine(reader_url(environment))
        try:
            return readers_line(read_readers(engine, night), night)
        finally:
            engine.dispose()
    except RecsysError as error:
        return f"Now: what readers see is not known: {error.found}."


def tab(environment: Environment, night: date, task: str, now: datetime, nonce: str) -> str:
    """The page of one night, for a task of it or all; as `tonight`."""
    looks = Looks({"Tonight": "tonight"}, nonce=nonce, search=False)
    try:
        engine = create_engine(reader_url(environment))
        try:
            of = read_night(engine, night)
        finally:
            engine.dispose()
    except RecsysError as error:
        return render(_unanswered(_project(environment), error, now), looks)
    # Each once, as the live page counts them: the report is written at two points of a night.
    stages = list(dict.fromkeys(name for names in grid_columns().values() for name in names))
    known = Around(_project(environment), now, stages, task, _written(environment, night))
    return render(night_page(of, known), looks)


def _written(environment: Environment, night: date) -> dict[str, str]:
    """What the lake has of a night to read: words → where they lead, beside the page."""
    lake = Lake(environment.lake, cache=environment.home / "lake-cache")
    found = {}
    if lake.newest(REPORT.name, str(night)) is not None:
        found[f"Run report of {night}"] = f"report/{night}"
    checks = lake.newest("validation", str(night))
    if checks is not None and f"{_DOCS}/index.html" in checks.manifest["files"]:
        found["Data Docs: each check of the data, and what it found"] = f"data-docs/{night}/"
    return found


def data_docs(environment: Environment, night: date, name: str) -> str | None:
    """A page of the night's Data Docs; None where there is none. Raises ArtifactError for one that
    is damaged.
    """
    checks = Lake(environment.lake, cache=environment.home / "lake-cache").newest(
        "validation", str(night)
    )
    file = f"{_DOCS}/{name}"
    if checks is None or file not in checks.manifest["files"]:
        return None
    return checks.file(file).read_text()


def runbook(environment: Environment, name: str) -> str | None:
    """A runbook of the project's own folder as HTML; None where there is none of that name."""
    from markdown_it import MarkdownIt

    base = read_essentials(environment).alerts.runbook_base
    file = PROJECT_ROOT / base / name
    if "://" in base or not re.fullmatch(r"[\w-]+\.md", name) or not file.is_file():
        return None
    text = MarkdownIt("commonmark", {"html": False}).enable("table").render(file.read_text())
    page = render(Page(f"Runbook {name}", "", name.removesuffix(".md"), "plain", (), ()))
    return page.replace("<main>", f'<main><section class="text">{text}</section>', 1)


def grid_columns() -> Mapping[str, Sequence[str]]:
    """Column of the grid → its stages, in order."""
    return {
        column: [stage.name for stage in stages]
        for column, stages in zip(_COLUMNS, STAGES_BY_DAG.values(), strict=True)
    }


def _known(environment: Environment, now: datetime) -> Known:
    essentials = read_essentials(environment)
    nights = essentials.schedule.nights
    simulated = essentials.clock == "simulated"
    return Known(
        project=_project(environment),
        now=now,
        stages=grid_columns(),
        deadline=None if simulated else _deadline(nights, now),
        expected=""
        if simulated
        else f"the newest was due at {nights.shown(nights.last_start(now))}",
    )


def _deadline(nights: Nights, now: datetime) -> Deadline | None:
    start = nights.last_start(now)
    at, night = nights.deadline(start), nights.date_of(start)
    return None if at is None else Deadline(night, nights.time_left(night, now), at <= now)


def _project(environment: Environment) -> str:
    try:
        return load_config(environment.config_path).project
    except ConfigError:  # the page is most needed when the file is wrong
        return "Nightshelf"


def _unanswered(project: str, error: RecsysError, now: datetime) -> Page:
    card = Card("Readers", "What readers see is not known", f"{error.found}; {error.remedy}", "bad")
    return Page(
        title=f"{project}, tonight",
        at=f"Looked up at {now:%Y-%m-%d %H:%M:%S} UTC.",
        headline="The database does not answer.",
        tone="bad",
        cards=(card,),
        sections=(),
    )
