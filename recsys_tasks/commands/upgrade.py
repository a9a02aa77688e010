"""`recsys upgrade`: whether this version goes on with a home of an older one, and the way there."""

from __future__ import annotations

from collections.abc import Iterator

from recsys_tasks import database
from recsys_tasks.commands.doctor_database import schema
from recsys_tasks.commands.doctor_services import Finding
from recsys_tasks.config import Environment, load_config
from recsys_tasks.errors import RecsysError
from recsys_tasks.stages.night import running
from recsys_tasks.stages.work_locks import alone


def upgrade(environment: Environment, *, only_look: bool) -> Iterator[Finding]:
    """What stands in the way of this version, a line each; where that is the schema alone, it is
    brought up to date unless `only_look`. Nothing is changed before every line before has passed.
    """
    settings = _settings(environment)
    yield settings
    try:
        with running(environment, migrated=False):
            quiet = _quiet(environment)
            yield quiet
            found = schema(environment)
            if found.passed or only_look or not (settings.passed and quiet.passed):
                yield found
                return
            database.migrate(database.owner_url(environment))
            yield schema(environment)
    except RecsysError as error:
        yield Finding(False, f"database: {error}")


def _settings(environment: Environment) -> Finding:
    try:
        load_config(environment.config_path)
    except RecsysError as error:
        return Finding(False, f"settings: {error}")
    return Finding(True, f"settings {environment.config_path} are valid in this version")


def _quiet(environment: Environment) -> Finding:
    """Whether no stage is at work: it would go on with the code of before on tables of now."""
    engine = database.create_engine(database.database_url(environment))
    try:
        with alone(engine):
            return Finding(True, "no stage of a night is at work")
    except RecsysError as error:
        return Finding(False, f"a night: {error.found}; {error.remedy}")
    finally:
        engine.dispose()
