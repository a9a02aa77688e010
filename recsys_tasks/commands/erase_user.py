"""Erase one user everywhere, and prove it by searching.

    remember → PostgreSQL → lake, the id map last → texts on this machine → search → note it as
    proved

The list of erased users comes first, so that no extract brings the user back; PostgreSQL next, so
that readers lose the lists at once and together. Every step looks for what is there and takes it
out, so a killed erasure is finished by running it again: until the id map is written, which is
last, the map still tells the user's key, and after that the list of erased users does.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import Engine

from recsys_tasks.commands.verify import DAMAGED_FOLDER
from recsys_tasks.config import Environment
from recsys_tasks.database import create_engine, database_url
from recsys_tasks.errors import ArtifactError, ServingError, hashed_user, offenders
from recsys_tasks.lake import Lake
from recsys_tasks.privacy import database as erase_database
from recsys_tasks.privacy import home as erase_home
from recsys_tasks.privacy import lake as erase_lake
from recsys_tasks.privacy.subject import find_subject, nowhere
from recsys_tasks.serving.retire import retire
from recsys_tasks.snapshot.erased_users import ErasedUsers, read_erased, remember
from recsys_tasks.snapshot.erasing import Subject
from recsys_tasks.stages.work_locks import alone

CACHE = "lake-cache"
GIVEN_UP = "given up: a user was erased before it was complete; run the night again"


@dataclass(frozen=True)
class Request:
    """Who is to be erased; who does it, why and when goes into the record."""

    user_id: str
    who: str
    why: str
    at: datetime


@dataclass(frozen=True)
class Place:
    """A table, a kind of artifact or a folder with rows (or mentions) of the user."""

    name: str
    rows: int


@dataclass(frozen=True)
class Erasure:
    """What was found and, unless it was a dry run, removed. `proof` is what the search at the end
    read.
    """

    places: tuple[Place, ...]
    proof: str
    words: str


@dataclass(frozen=True)
class _Job:
    """One user and the stores to search."""

    lake: Lake
    engine: Engine
    environment: Environment
    subject: Subject
    erased: ErasedUsers

    @property
    def hash(self) -> str:
        return self.erased.hash_of(self.subject.user_id)


def find_user(environment: Environment, user_id: str) -> Erasure:
    """What an erasure of a user would remove; nothing is changed.

    Raises DataError for an id that nothing holds, ArtifactError for a lake with unknown layouts.
    """
    engine = create_engine(database_url(environment))
    try:
        return _dry_run(_open(environment, engine, user_id))
    finally:
        engine.dispose()


def erase_user(
    environment: Environment,
    request: Request,
    *,
    give_up_unfinished: bool = False,
    before: Callable[[str], None] = lambda step: None,
) -> Erasure:
    """Remove a user from the database, the lake and this machine's texts; `before` is called with
    the name of each step.

    What `recsys verify` set aside is removed whole: no layout says who is in a damaged file.

    Raises DataError for an id that nothing holds, ServingError while a stage runs or a publication
    is being built (`give_up_unfinished` gives it up instead), TransientError when its lock was lost
    on the way, ArtifactError for a lake with unknown layouts, or when the search at the end still
    finds the user.
    """
    engine = create_engine(database_url(environment))
    try:
        with alone(engine) as fence:
            _settle_unfinished(engine, request.at, give_up_unfinished)
            job = _open(environment, engine, request.user_id)
            job.lake.fence = fence

            def step(name: str) -> None:
                fence()
                before(name)

            return _erase(job, request, step)
    finally:
        engine.dispose()


def _open(environment: Environment, engine: Engine, user_id: str) -> _Job:
    lake = Lake(environment.lake, cache=environment.home / CACHE)
    erase_lake.check_layouts(lake)
    erased = read_erased(lake)
    subject = find_subject(lake, engine, erased, user_id)
    return _Job(lake, engine, environment, subject, erased)


def _cache(job: _Job) -> Path:
    return job.environment.home / CACHE


def _settle_unfinished(engine: Engine, now: datetime, give_up: bool) -> None:
    """A publication that is being built counted its users before; it cannot go on without one of
    them.
    """
    waiting = erase_database.unfinished_publications(engine)
    if waiting and not give_up:
        raise ServingError(
            expected="no publication that is being built",
            found=", ".join(f"publication {number} of {night}" for number, night in waiting),
            where="recsys.publication",
            remedy=(
                "finish the night first, or pass --give-up-unfinished and run the night again"
                " afterwards"
            ),
        )
    for number, _ in waiting:
        with engine.begin() as connection:
            retire(connection, number, now, note=GIVEN_UP)


def _places(job: _Job) -> list[Place]:
    """Everything that holds the user now, at least one row a place."""
    by_kind: Counter[str] = Counter()
    for trace in erase_lake.traces(job.lake, job.subject):
        by_kind[f"lake {trace.artifact.kind}"] += trace.rows
    for path, found in erase_home.mentions(job.environment.home, job.subject):
        by_kind[f"home {path.relative_to(job.environment.home).parts[0]}"] += found
    tables = {
        f"recsys.{name}": rows
        for name, rows in erase_database.count(job.engine, job.subject).items()
    }
    return [Place(name, rows) for name, rows in [*tables.items(), *by_kind.items()] if rows]


def _dry_run(job: _Job) -> Erasure:
    places = _places(job)
    if not places:
        return _nothing(job)
    words = (
        f"dry run: {sum(place.rows for place in places)} rows in {len(places)} places would go;"
        " nothing was changed"
    )
    return Erasure(tuple(places), "", words)


def _nothing(job: _Job) -> Erasure:
    """Nobody of that id, or one who is gone already."""
    known = job.erased.find(job.subject.user_id)
    if known is not None:
        return Erasure(
            (),
            _prove(job),
            f"erased on {known.at} by {known.who}; nothing is left, nothing was changed",
        )
    raise nowhere(job.subject.user_id)


def _erase(job: _Job, request: Request, before: Callable[[str], None]) -> Erasure:
    before("looking")
    places = _places(job)
    noted = erase_database.last_erasure(job.engine, job.hash)
    if not places and (noted is None or noted[1] == "proved"):
        return _nothing(job)
    subject, at = job.subject, request.at.isoformat(timespec="seconds")
    # A name or a reason may be the very id.
    who, why = subject.without(request.who), subject.without(request.why)
    counts = {place.name: place.rows for place in places}
    record: dict[str, object] = {"hash": job.hash, "who": who, "why": why, "at": at, "rows": counts}
    before("remembering")
    remember(job.lake, job.erased, subject.user_id, subject.key, request.at, who)
    before("PostgreSQL")
    erase_database.erase(job.engine, subject, record)
    before("lake")
    _take_out_of_lake(job, {"at": at, "by": who, "user_hash": job.hash}, before)
    before("texts")
    for path, _ in list(erase_home.mentions(job.environment.home, subject)):
        erase_home.take_out(path, subject)
    before("searching")
    proof = _prove(job)
    erase_database.prove(job.engine, {**record, "searched": proof})
    return Erasure(
        tuple(places), proof, f"erased: {sum(counts.values())} rows in {len(counts)} places"
    )


def _take_out_of_lake(job: _Job, erased: Mapping[str, str], before: Callable[[str], None]) -> None:
    """Write every artifact that holds the user again without them; `erased` is for the manifests.

    Attempts of killed stages, copies of a remote lake's files and what was set aside go whole.
    """
    job.lake.remove_unfinished()
    for trace in erase_lake.traces(job.lake, job.subject):
        before(f"lake {trace.artifact.kind}")
        erase_lake.take_out(job.lake, trace, erased)
    job.lake.remove_unfinished()
    shutil.rmtree(_cache(job), ignore_errors=True)
    shutil.rmtree(job.environment.home / DAMAGED_FOLDER, ignore_errors=True)


def _prove(job: _Job) -> str:
    """What was searched without finding the user. Raises ArtifactError naming where the user still
    is.
    """
    found, kinds, files = erase_lake.search_lake(job.lake, job.subject)
    cached, more = erase_lake.search_folder(_cache(job), job.subject)
    named = [str(path) for path, _ in erase_home.mentions(job.environment.home, job.subject)]
    columns, tables = erase_database.search(job.engine, job.subject)
    left = [*found, *cached, *named, *columns]
    if left:
        raise ArtifactError(
            expected=f"nothing of {hashed_user(job.subject.user_id)} after the erasure",
            found=offenders(left),
            where="the lake, RECSYS_HOME and the recsys database",
            remedy=(
                "run it again; if a place stays, its layout is unknown to erase-user: remove it by"
                " hand"
            ),
        )
    files += more + len(erase_home.texts(job.environment.home))
    places = kinds + len(erase_home.FOLDERS) + tables
    return f"searched {places} places, {files} files, {tables} tables: not found"
