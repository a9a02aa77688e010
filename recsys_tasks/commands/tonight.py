"""The live page, as Airflow's UI asks for it: the reader's database and the settings file, put
together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from recsys_tasks.config import Environment, load_config
from recsys_tasks.config.essentials import read_essentials
from recsys_tasks.config.nights import Nights
from recsys_tasks.database import create_engine, reader_url
from recsys_tasks.errors import ConfigError, RecsysError
from recsys_tasks.monitoring.run_report.blocks import Card, Page
from recsys_tasks.monitoring.run_report.page import Live as Looks
from recsys_tasks.monitoring.run_report.page import render
from recsys_tasks.monitoring.tonight.facts import Asked, Deadline, Known, read_live
from recsys_tasks.monitoring.tonight.view import live_page
from recsys_tasks.stages.pipeline import STAGES_BY_DAG

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
