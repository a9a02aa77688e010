"""What a night needs of its database: the schema of this version, readers' rights, a clock that is
right.
"""

from __future__ import annotations

from recsys_tasks.commands.doctor_services import Finding
from recsys_tasks.config import Environment
from recsys_tasks.config.essentials import read_essentials
from recsys_tasks.database import (
    create_engine,
    current_revision,
    database_url,
    head_revision,
    owner_url,
    schema_fault,
)
from recsys_tasks.database.rights import READER, wrong_rights
from recsys_tasks.errors import ServingError
from recsys_tasks.stages.watched_clock import Clocks


def schema(running: Environment) -> Finding:
    """Whether the schema is this version's. The pipeline's own role may read its revision."""
    head = head_revision()
    try:
        found = current_revision(owner_url(running))
    except ServingError as error:
        words = (
            f"schema: its revision is not readable by this role ({error.found}), as before revision"
            " 0016"
        )
        return Finding(False, f"{words}: run `recsys migrate` with the owner's RECSYS_DATABASE_URL")
    if found is None:
        return Finding(
            False,
            "schema: the database was never migrated: run `recsys migrate` with the owner's URL",
        )
    if found != head:
        words = f"schema revision {found}, this version needs {head}"
        return Finding(False, f"{words}: run `recsys migrate` with the owner's RECSYS_DATABASE_URL")
    fault = schema_fault(owner_url(running))
    if fault:
        words = f"schema: {fault}"
        return Finding(False, f"{words}: run `recsys migrate` with the owner's RECSYS_DATABASE_URL")
    return Finding(True, f"schema revision {found}")


def rights(running: Environment) -> Finding:
    """Whether readers may do what they were promised, and no more."""
    engine = create_engine(owner_url(running))
    try:
        with engine.connect() as connection:
            wrong = wrong_rights(connection)
    finally:
        engine.dispose()
    if not wrong.number:
        return Finding(True, f"role {READER}: reads its views and writes nothing")
    remedy = wrong.remedy(embedded=not running.database_url)
    return Finding(False, f"role {READER}: {wrong.words}: {remedy}")


def clocks(running: Environment) -> Finding:
    """Whether this machine's clock and the server's say the same."""
    engine = create_engine(database_url(running))
    try:
        read = Clocks.read(engine)
    finally:
        engine.dispose()
    most = read_essentials(running).monitoring.max_clock_seconds
    if read.apart <= most:
        return Finding(True, f"clock: {read.apart:.0f} s from PostgreSQL's")
    return Finding(False, f"clock: {read.words}: set both by NTP (`timedatectl set-ntp true`)")
