"""A publication: its specification, its row in the database with its status, and its checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from recsys_tasks.clock import Cutoffs
from recsys_tasks.config import Config
from recsys_tasks.database import transaction, waiting_for_rows
from recsys_tasks.errors import ServingError
from recsys_tasks.lake.keys import publication_token

Status = Literal["building", "ready", "published", "held", "failed"]
COLUMNS = (
    "id, as_of, fingerprint, release, tower_version, learned_before, history_before, k, spares,"
    " shards, expected_rows, rows, status, note, fence, published_at"
)


@dataclass(frozen=True)
class PublicationSpec:
    """What a night is about to publish.

    `fingerprint` hashes every input (snapshot, release, vectors, settings): equal fingerprints give
    equal lists. `expected_rows`: active users, each of whom gets one row. `release` and
    `tower_version` are None where there is none. `repeats`: the repeat policy in words; unless it
    is "allow", forbidden pairs must be loaded. `calibrated`: whether the ranker's scores may be
    shown as probabilities.
    """

    as_of: date
    cutoffs: Cutoffs
    fingerprint: str
    release: str | None
    tower_version: str | None
    expected_rows: int
    k: int
    spares: int
    shards: int
    repeats: str = "allow"
    calibrated: bool = True


@dataclass(frozen=True)
class Publication:
    """One row of recsys.publication."""

    id: int
    as_of: date
    fingerprint: str
    release: str | None
    tower_version: str | None
    learned_before: date
    history_before: date
    k: int
    spares: int
    shards: int
    expected_rows: int
    rows: int | None
    status: Status
    note: str | None
    fence: int
    published_at: datetime | None

    @property
    def partition(self) -> str:
        """Table of its lists, in schema recsys."""
        return f"list_rows_{self.id}"

    @property
    def token(self) -> str:
        """Key of its shards in the lake: equal inputs find the shards that are there already."""
        return publication_token(self.as_of, self.fingerprint)

    @property
    def needs_rows(self) -> bool:
        """Whether its rows are still to be loaded; False makes a rerun a no-op."""
        return self.status == "building"


@dataclass(frozen=True)
class CheckResult:
    """One check of a publication. `block` keeps it from readers when it fails, `warn` does not."""

    name: str
    passed: bool
    severity: Literal["block", "warn"]
    found: float
    bound: float
    detail: str

    @property
    def blocks(self) -> bool:
        """Whether it keeps the publication from readers."""
        return not self.passed and self.severity == "block"


@dataclass(frozen=True)
class CheckLimits:
    """Bounds of the checks; ServingConfig names their units."""

    min_coverage: float
    max_identical_share: float
    max_list_churn: float

    @classmethod
    def of(cls, config: Config) -> CheckLimits:
        """The bounds in the settings."""
        serving = config.serving
        return cls(
            serving.min_coverage, serving.max_identical_share, config.monitoring.max_list_churn
        )


def from_row(row: Mapping[str, Any]) -> Publication:
    """A publication from a row with COLUMNS."""
    return Publication(**row)


def select_one(connection: Connection, tail: str, **values: object) -> Publication | None:
    """The first publication of `SELECT … FROM recsys.publication <tail>`, or None."""
    statement = sa.text(f"SELECT {COLUMNS} FROM recsys.publication {tail}")  # noqa: S608  constants of ours
    if tail.endswith("FOR UPDATE"):
        with waiting_for_rows(connection):
            row = connection.execute(statement, values).mappings().first()
    else:
        row = connection.execute(statement, values).mappings().first()
    return None if row is None else from_row(dict(row))


def read_publication(engine: Engine, publication_id: int) -> Publication:
    """A publication by its number. Raises ServingError when there is none."""
    with transaction(engine) as connection:
        return require_publication(connection, publication_id)


def current_publication(engine: Engine) -> Publication | None:
    """The publication that readers see; None before the first one."""
    with transaction(engine) as connection:
        return read_current(connection)


def read_current(connection: Connection) -> Publication | None:
    """The publication that readers see, read within a transaction; None before the first one."""
    return select_one(
        connection, "WHERE id = (SELECT publication_id FROM recsys.current_publication)"
    )


@dataclass(frozen=True)
class ShownThen:
    """The publication that readers saw on an earlier night; None: they had no lists yet."""

    publication: Publication | None


def shown_then(engine: Engine, as_of: date) -> ShownThen | None:
    """The publication that readers saw at the end of the night `as_of`, if they see a later night
    now (`as_of` is then a backfill); None if they do not.
    """
    with transaction(engine) as connection:
        current = read_current(connection)
        if current is None or current.as_of <= as_of:
            return None
        shown = "WHERE as_of <= :as_of AND published_at IS NOT NULL"
        newest = f"{shown} ORDER BY as_of DESC, id DESC LIMIT 1"
        return ShownThen(select_one(connection, newest, as_of=as_of))


def require_publication(
    connection: Connection, publication_id: int, lock: bool = False
) -> Publication:
    """A publication by its number, its row locked when asked. Raises ServingError when there is
    none.
    """
    tail = "WHERE id = :id" + (" FOR UPDATE" if lock else "")
    found = select_one(connection, tail, id=publication_id)
    if found is None:
        raise ServingError(
            expected=f"publication {publication_id}",
            found="none of that number",
            where="recsys.publication",
            remedy="list them with `SELECT * FROM recsys.publications`",
        )
    return found
