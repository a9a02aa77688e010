"""The life of a publication: it is created, loaded, checked and shown to readers.

    create_publication → load_dimensions, load_lists × shards, load_fallbacks, load_similar → finish
    → publish

Lists are loaded into a table that readers cannot see and checked there. Then the table is sealed
and attached as a partition, and readers see it when one pointer is moved. A run that was killed at
any point is repaired by running the night again from the start.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from recsys_tasks.database import background_transaction, take_lock, transaction, waiting_for_rows
from recsys_tasks.errors import ServingError
from recsys_tasks.serving.checks import run_checks
from recsys_tasks.serving.names import add_names
from recsys_tasks.serving.pointer import Hold, move_pointer, pointer_lock, read_fence, read_hold
from recsys_tasks.serving.publication import (
    COLUMNS,
    CheckLimits,
    CheckResult,
    Publication,
    PublicationSpec,
    from_row,
    read_current,
    require_publication,
    select_one,
)
from recsys_tasks.serving.retire import retire


@dataclass(frozen=True)
class Published:
    """The result of `publish`. `moved`: whether this call showed the publication to readers;
    `reason`: why, or why not.
    """

    publication: Publication
    moved: bool
    reason: str


def create_publication(engine: Engine, spec: PublicationSpec, now: datetime) -> Publication:
    """Begin a night's publication, or return the one that is there for the same inputs.

    When the newest publication of `as_of` has the same fingerprint it is returned whatever its
    status: one that is being built is continued (each load deletes its own leftovers), a complete
    one makes the rerun a no-op (`needs_rows` is False). Otherwise unfinished ones of this night are
    given up. Raises ConfigError when a generator's bit has another name in the database.
    """
    with transaction(engine) as connection:
        take_lock(connection, "night", spec.as_of)
        newest = select_one(
            connection,
            "WHERE as_of = :as_of AND status <> 'failed' AND retired_at IS NULL ORDER BY id DESC"
            " LIMIT 1",
            as_of=spec.as_of,
        )
        # With another number of shards, half-loaded shards of the old division would remain.
        usable = newest is not None and (not newest.needs_rows or newest.shards == spec.shards)
        if newest is not None and usable and newest.fingerprint == spec.fingerprint:
            return newest
        add_names(connection)
        _give_up_unfinished(connection, spec, now)
        return _insert(connection, spec, now)


def _give_up_unfinished(connection: Connection, spec: PublicationSpec, now: datetime) -> None:
    statement = sa.text(
        "SELECT id FROM recsys.publication WHERE as_of = :as_of AND status IN ('building',"
        " 'failed') AND retired_at IS NULL ORDER BY id FOR UPDATE"
    )
    with waiting_for_rows(connection):
        unfinished = connection.scalars(statement, {"as_of": spec.as_of}).all()
    for publication_id in unfinished:
        retire(connection, publication_id, now, note="given up: a later run took the night over")


def _insert(connection: Connection, spec: PublicationSpec, now: datetime) -> Publication:
    values = {
        "as_of": spec.as_of,
        "fingerprint": spec.fingerprint,
        "release": spec.release,
        "tower_version": spec.tower_version,
        "expected_rows": spec.expected_rows,
        "k": spec.k,
        "spares": spec.spares,
        "shards": spec.shards,
        "repeats": spec.repeats,
        "calibrated": spec.calibrated,
        "learned_before": spec.cutoffs.learned_before,
        "history_before": spec.cutoffs.history_before,
        "created_at": now,
    }
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    statement = sa.text(
        f"INSERT INTO recsys.publication ({names}) VALUES ({marks}) RETURNING {COLUMNS}"  # noqa: S608  names of ours
    )
    made = from_row(dict(connection.execute(statement, values).mappings().one()))
    connection.execute(sa.text("SELECT recsys.open_partition(:id)"), {"id": made.id})
    return made


def finish(engine: Engine, publication: Publication, limits: CheckLimits) -> Publication:
    """Check the loaded rows, then seal and attach them: the publication is ready, not yet shown.

    A no-op when it is complete already. Raises ServingError when a blocking check fails: the
    publication is `failed` with every result kept in `checks`, and readers keep what they see.
    """
    with background_transaction(engine) as connection:
        current = require_publication(connection, publication.id, lock=True)
        if current.status != "building":
            if current.status == "failed":
                raise _not_publishable(
                    current, f"publication {current.id} is failed: {current.note}"
                )
            return current
        results = run_checks(connection, current, limits)
        failed = [result for result in results if result.blocks]
        note = "failed checks: " + ", ".join(result.name for result in failed) if failed else None
        _record(connection, current, results, "failed" if failed else "ready", note)
        if not failed:
            connection.execute(
                sa.text("SELECT recsys.summarise_publication(:id)"), {"id": current.id}
            )
            connection.execute(sa.text("SELECT recsys.seal_partition(:id)"), {"id": current.id})
        forbidden = "DELETE FROM recsys.forbidden_rows WHERE publication_id = :id"
        connection.execute(sa.text(forbidden), {"id": current.id})
        finished = require_publication(connection, current.id)
    if failed:
        raise _checks_failed(finished, failed)
    return finished


def _record(
    connection: Connection,
    publication: Publication,
    results: list[CheckResult],
    status: str,
    note: str | None,
) -> None:
    rows = next(int(result.found) for result in results if result.name == "rows")
    statement = sa.text(
        "UPDATE recsys.publication SET status = :status, rows = :rows, note = :note, checks ="
        " CAST(:checks AS jsonb) WHERE id = :id"
    )
    checks = json.dumps([asdict(result) for result in results])
    connection.execute(
        statement,
        {"id": publication.id, "status": status, "rows": rows, "note": note, "checks": checks},
    )


def publish(engine: Engine, publication: Publication, who: str, now: datetime) -> Published:
    """Show a ready publication to readers, in one transaction under the pointer's lock.

    It stays ready and unseen, with a note, while a hold is set, when readers see a later night, or
    when a newer publication or a rollback went ahead of it. Raises ServingError when it is not
    ready at all.
    """
    with transaction(engine) as connection:
        pointer_lock(connection)
        wanted = require_publication(connection, publication.id, lock=True)
        current = read_current(connection)
        if current is not None and current.id == wanted.id:
            return Published(wanted, False, "readers see it already")
        if wanted.status in ("building", "failed"):
            raise _not_publishable(
                wanted, f"it is {wanted.status}" + (f": {wanted.note}" if wanted.note else "")
            )
        refusal = _refusal(wanted, current, read_hold(connection), read_fence(connection))
        if refusal is not None:
            statement = sa.text(
                "UPDATE recsys.publication SET note = :note WHERE id = :id AND status = 'ready'"
            )
            connection.execute(statement, {"note": refusal, "id": wanted.id})
            return Published(require_publication(connection, wanted.id), False, refusal)
        move_pointer(connection, wanted, who=who, why="published", now=now, fence=wanted.fence)
        return Published(require_publication(connection, wanted.id), True, "published")


def _refusal(
    wanted: Publication, current: Publication | None, hold: Hold | None, fence: int
) -> str | None:
    """Why a publication must not be shown now; None when it may."""
    if wanted.status == "held":
        return "readers were rolled back from it"
    if current is not None and current.as_of > wanted.as_of:
        return f"readers see a later night ({current.as_of})"
    if wanted.status == "published":
        return "a later publication of the same night took its place"
    if hold is not None:
        return f"on hold since {hold.since:%Y-%m-%d %H:%M} by {hold.who}: {hold.why}"
    if wanted.fence <= fence:
        return "a newer publication or a rollback went ahead of it"
    return None


def _not_publishable(publication: Publication, found: str) -> ServingError:
    return ServingError(
        expected=f"publication {publication.id} of {publication.as_of} to be ready",
        found=found,
        where="recsys.publication",
        remedy="run the night again from create_publication; readers keep what they see",
    )


def _checks_failed(publication: Publication, failed: list[CheckResult]) -> ServingError:
    words = [
        f"{check.name}: {check.found:g}, bound {check.bound:g} ({check.detail})" for check in failed
    ]
    return ServingError(
        expected="every blocking check of the publication to pass",
        found=f"{len(failed)} failed: " + "; ".join(words),
        where=(
            f"recsys.{publication.partition}, publication {publication.id} of {publication.as_of}"
        ),
        remedy=(
            "readers keep their lists; find the cause in `checks` of recsys.publications, then"
            " rerun the night"
        ),
    )
